/// Every bound of a server, with the value it has unless said otherwise. A bound that is reached
/// refuses or ends what reached it, never the process.
public struct ServerSettings: Sendable {
  // MARK: Threads and connections

  /// Event loops, each a thread.
  public var loops = 1
  /// Open connections; further ones are closed at once.
  public var connectionsMax = 10_000
  /// Open connections from one address.
  public var connectionsPerAddressMax = 1_000
  /// Connections the kernel keeps waiting to be accepted.
  public var backlog: Int32 = 1_024
  /// Time for the TLS handshake.
  public var handshakeTimeout = Duration.seconds(5)
  /// Time from a usable connection to the client's preface and SETTINGS.
  public var prefaceTimeout = Duration.seconds(2)
  /// Time for what begins with a HEADERS frame to end it.
  public var headerTimeout = Duration.seconds(5)
  /// Time without a byte of a request that has begun.
  public var bodyIdleTimeout = Duration.seconds(10)
  /// Time without a byte taken by a caller who has an answer coming.
  public var writeIdleTimeout = Duration.seconds(10)
  /// Time without any call after which a connection is drained; zero keeps it.
  public var connectionIdleTimeout = Duration.seconds(900)

  // MARK: Calls

  /// Calls being answered in the whole server; further ones get RESOURCE_EXHAUSTED at once, before
  /// their message is read. Health checks pass all the same.
  public var inFlightMax = 256
  /// Bytes of one request message.
  public var requestBytesMax = 1 << 20
  /// Bytes of one answer message.
  public var responseBytesMax = 4 << 20
  /// The deadline of a call that names none.
  public var defaultDeadline = Duration.seconds(2)
  /// The longest deadline; a caller who names a later one gets this one.
  public var longestDeadline = Duration.seconds(30)

  // MARK: HTTP/2

  /// Open streams of one connection.
  public var streamsMax: UInt32 = 100
  /// Bytes of all header fields of a request, each counted with 32 extra.
  public var headerListBytesMax = 16 << 10
  /// Header fields of a request.
  public var headerFieldsMax = 64
  /// Bytes of one header field, name and value.
  public var headerFieldBytesMax = 8 << 10
  /// Bytes a peer may send ahead on one stream.
  public var streamWindow: Int32 = 256 << 10
  /// Bytes a peer may send ahead on one connection.
  public var connectionWindow: Int32 = 1 << 20
  /// Frames that wait to be sent on one connection.
  public var outboundFramesMax = 1_000
  /// Bytes that wait to be sent on one connection; answers wait when they are reached.
  public var outboundBytesMax = 1 << 20

  // MARK: Built-in services

  /// Serves `grpc.health.v1.Health`.
  public var servesHealth = true
  /// Serves `grpc.reflection.v1` and `v1alpha`.
  public var servesReflection = true

  /// The values above.
  public init() {}
}
