/// A bound of one connection that a peer can reach. What it costs the peer stands with the bound in
/// `SessionSettings`.
public enum SessionBound: String, Sendable, Hashable, CaseIterable {
  /// More streams at once than allowed; the stream is refused.
  case streams
  /// Bytes of a block of headers; its stream is reset.
  case headerListBytes = "header_list_bytes"
  /// Fields of a block of headers, values joined by commas included; its stream is reset.
  case headerFields = "header_fields"
  /// Bytes of one field; its stream is reset.
  case headerFieldBytes = "header_field_bytes"
  /// CONTINUATION frames of one block; the connection ends.
  case continuations
  /// Bytes of one frame; its stream is reset, or the connection ends.
  case frameBytes = "frame_bytes"
  /// More bytes than a window had room for; its stream is reset, or the connection ends.
  case windows
  /// Resets received; no more streams are taken, and at last the connection ends.
  case resetsReceived = "resets_received"
  /// Resets that the peer provoked; the connection ends.
  case resetsSent = "resets_sent"
  /// Pings; the connection ends.
  case pings
  /// SETTINGS frames; the connection ends.
  case settingsFrames = "settings_frames"
  /// PRIORITY frames; the connection ends.
  case priorities
  /// DATA frames with nothing in them; the connection ends.
  case emptyData = "empty_data"
  /// Frames that ask for nothing and bring next to nothing; the connection ends.
  case cheapFrames = "cheap_frames"
  /// Frames that wait to be sent; the connection ends.
  case outboundFrames = "outbound_frames"

  /// What the peer is told when the connection ends by it; gRPC clients know the one of pings.
  var told: String { self == .pings ? "too_many_pings" : "too many: \(rawValue)" }
}
