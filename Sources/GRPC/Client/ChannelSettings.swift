public import Protobuf

/// Every bound of a client's channel, with the value it has unless said otherwise.
public struct ChannelSettings: Sendable {
  // MARK: Calls

  /// The deadline of a call that names none.
  public var defaultDeadline = Duration.seconds(2)
  /// Whether calls wait for a connection until their deadline, or fail with UNAVAILABLE once every
  /// server was tried in vain.
  public var waitsForReady = true
  /// What holds for single methods or services: time, waiting, retries. Nothing is retried that a
  /// policy here does not name, but for calls that no server looked at.
  public var methods: [MethodConfig] = []
  /// What holds retries back when most calls fail; nil holds nothing back.
  public var retryThrottling: RetryThrottling? = RetryThrottling()
  /// Bytes that a call with streams may have sent and still be made again; they are held for it.
  public var retryBytesMax = 64 << 10
  /// Calls that wait for a connection or for a free stream; further ones get RESOURCE_EXHAUSTED.
  public var waitingMax = 1_000
  /// Bytes of one answer message, as it is sent and as it is unpacked.
  public var responseBytesMax = 4 << 20
  /// What reading one answer message may cost, whatever its bytes; a call whose answer costs more
  /// ends with INTERNAL.
  public var decoding = DecodingLimits.standard

  // MARK: Connections

  /// Time for one attempt to connect, the TLS handshake included.
  public var connectTimeout = Duration.seconds(2)
  /// After this long without success the next server of the list is tried too.
  public var nextServerAfter = Duration.milliseconds(250)
  /// The pause after a failed attempt to connect; doubles up to `longestBackoff`, ± 20 %.
  public var firstBackoff = Duration.milliseconds(50)
  /// The longest pause between attempts to connect.
  public var longestBackoff = Duration.seconds(1)
  /// Time to look names up.
  public var lookUpTimeout = Duration.seconds(2)
  /// The least time between two look-ups of the same names.
  public var lookUpInterval = Duration.seconds(3)
  /// Time without any call after which connections are closed; zero keeps them. The next call
  /// connects again.
  public var idleTimeout = Duration.seconds(1_800)
  /// With calls open and nothing heard for this long, the server is pinged. Doubles when a server
  /// says that it is pinged too often.
  public var keepaliveAfter = Duration.seconds(20)
  /// Time for the answer to a ping, or to anything sent, after which the connection counts as
  /// dead.
  public var keepaliveTimeout = Duration.seconds(5)
  /// The service whose health is watched on every connection, "" for the server as a whole: calls
  /// go to servers that say SERVING, or that do not know the question. Nil watches nothing.
  public var healthService: String?
  /// The host that calls name as their authority, and that a server's certificate must name where
  /// certificates name hosts; that of the target without it.
  public var serverName: String?

  // MARK: HTTP/2

  /// Calls at once on a connection, if the server allows as many.
  public var streamsMax = 100
  /// Bytes of all header fields of an answer, each counted with 32 extra.
  public var headerListBytesMax = 16 << 10
  /// Header fields of an answer, or of what follows it; counted as a server counts those of a request.
  public var headerFieldsMax = 64
  /// Bytes of one header field, name and value.
  public var headerFieldBytesMax = 8 << 10
  /// CONTINUATION frames of one block of headers.
  public var continuationsMax = 8
  /// Frames that wait to be sent on one connection.
  public var outboundFramesMax = 1_000
  /// Bytes of all header fields of a request, counted likewise; a call with more ends with
  /// RESOURCE_EXHAUSTED and is not tried again.
  public var headerListBytesSentMax = 48 << 10
  /// Bytes the server may send ahead on one stream.
  public var streamWindow: Int32 = 256 << 10
  /// Bytes the server may send ahead on a connection.
  public var connectionWindow: Int32 = 1 << 20

  /// The values above.
  public init() {}
}
