/// Every bound of a client's channel, with the value it has unless said otherwise.
public struct ChannelSettings: Sendable {
  /// The deadline of a call that names none.
  public var defaultDeadline = Duration.seconds(2)
  /// Time for one attempt to connect, the TLS handshake included.
  public var connectTimeout = Duration.seconds(2)
  /// The pause after a failed attempt to connect; doubles up to `longestBackoff`, ± 20 %.
  public var firstBackoff = Duration.milliseconds(50)
  /// The longest pause between attempts to connect.
  public var longestBackoff = Duration.seconds(1)
  /// Calls that wait for a connection or for a free stream; further ones get RESOURCE_EXHAUSTED.
  public var waitingMax = 1_000
  /// Calls at once on the connection, if the server allows as many.
  public var streamsMax = 100
  /// Bytes of one answer message.
  public var responseBytesMax = 4 << 20
  /// Bytes of all header fields of an answer, each counted with 32 extra.
  public var headerListBytesMax = 16 << 10
  /// Bytes the server may send ahead on one stream.
  public var streamWindow: Int32 = 256 << 10
  /// Bytes the server may send ahead on the connection.
  public var connectionWindow: Int32 = 1 << 20
  /// With calls open and nothing heard for this long, the server is pinged.
  public var keepaliveAfter = Duration.seconds(20)
  /// Time for the answer to a ping, after which the connection counts as dead.
  public var keepaliveTimeout = Duration.seconds(5)

  /// The values above.
  public init() {}
}
