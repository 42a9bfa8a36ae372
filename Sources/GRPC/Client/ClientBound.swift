/// What a channel bounds itself, by the name its counter has. What its connections bound besides
/// has the names of `SessionBound`, and what reading an answer may cost those of `DecodingBound`.
enum ClientBound: String, CaseIterable {
  /// Calls that wait for a connection or a free stream.
  case waiting
  /// Bytes of an answer message.
  case responseBytes = "response_bytes"
  /// Bytes of the header fields of a request.
  case headerListBytesSent = "header_list_bytes_sent"
  /// Time to look names up.
  case lookUpTime = "look_up_time"
  /// Time for an attempt to connect.
  case connectTime = "connect_time"
  /// Time for the answer to a ping.
  case keepaliveTime = "keepalive_time"
}
