import HTTP2
public import Protobuf

/// Every bound of a server, with the value it has unless said otherwise. A bound that is reached
/// refuses or ends what reached it, never the process.
public struct ServerSettings: Sendable {
  // MARK: Threads and connections

  /// Event loops, each a thread.
  public var loops = 1
  /// Open connections; further ones are closed at once.
  public var connectionsMax = 10_000
  /// Open connections from one address, at most half of those that the process may have by its limit
  /// of open files (`RLIMIT_NOFILE`); further ones are closed at once.
  public var connectionsPerAddressMax = 1_000
  /// File descriptors that connections leave to the rest of the process, at most a quarter of its
  /// limit (`RLIMIT_NOFILE`); while no more are free, further connections wait to be accepted.
  public var descriptorsKept = 64
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
  /// Time for the first message, either way, of a call whose caller sends a stream of them; zero
  /// waits for ever.
  public var firstMessageTimeout = Duration.seconds(30)
  /// Time without a message either way while a handler waits for one of its caller, from the
  /// message's first byte once it has begun, and time without a byte taken while a handler waits for
  /// room in its answer; zero waits for ever. Callers that owe nothing, such as followers of events,
  /// may be silent for as long as they like.
  public var streamIdleTimeout = Duration.seconds(600)
  /// Time without a byte taken by a caller who has one answer coming, or who asks for reflection, and
  /// time in which a whole connection takes less than 32 KiB of what waits in its socket. The last
  /// answers of a stream wait as long as those before them: `streamIdleTimeout`.
  public var writeIdleTimeout = Duration.seconds(10)
  /// Time without any call after which a connection is drained; zero keeps it.
  public var connectionIdleTimeout = Duration.seconds(900)
  /// The age, more or less a tenth, at which a connection is drained, so that callers look for
  /// servers anew; zero keeps it.
  public var connectionAgeMax = Duration.zero
  /// Time for the calls of a connection that reached its age, after which it is closed.
  public var connectionAgeGrace = Duration.seconds(30)
  /// Time for the peer to hear that a connection drains, unless it answers a ping sooner; calls it
  /// makes until then are taken.
  public var drainNotice = Duration.milliseconds(200)
  /// Time without a byte of a peer after which it is pinged; zero never pings.
  public var keepaliveAfter = Duration.seconds(60)
  /// Time for the answer to a ping, after which the connection is closed.
  public var keepaliveTimeout = Duration.seconds(10)

  // MARK: Calls

  /// Handlers at work in the whole server, at most; the event loops share them. How many it are at
  /// a moment, and who waits for a place, `admission` says. Health and reflection pass all the same.
  public var inFlightMax = 256
  /// The share of `inFlightMax` that calls with streams may hold, which they do for as long as they
  /// last; further ones are refused, so that calls of one answer keep the rest.
  public var streamShare = 0.5
  /// How the server decides what begins, waits, or gets RESOURCE_EXHAUSTED. How much a call matters
  /// is said by its method's access rule.
  public var admission = AdmissionSettings()
  /// Bytes of all requests that have not begun to be answered, and of what streams sent and no
  /// handler has taken. One connection may hold half of them, and the last eighth is for connections
  /// that hold no more than 64 KiB.
  public var heldBytesMax = 64 << 20
  /// Health watches of one connection, and its streams of reflection.
  public var watchesPerConnectionMax = 8
  /// Bytes of one request message.
  public var requestBytesMax = 1 << 20
  /// Bytes of one request message of health and reflection, to whom anybody may speak.
  public var builtInRequestBytesMax = 16 << 10
  /// What reading one request message may cost, whatever its bytes; one that costs more ends with
  /// INVALID_ARGUMENT.
  public var decoding = DecodingLimits.standard
  /// Bytes of one answer message.
  public var responseBytesMax = 4 << 20
  /// The deadline of a call that names none.
  public var defaultDeadline = Duration.seconds(2)
  /// The longest deadline; a caller who names a later one gets this one.
  public var longestDeadline = Duration.seconds(30)
  /// The longest deadline of a call with streams, and the one of those that name none.
  public var longestStream = Duration.seconds(3_600)

  // MARK: HTTP/2

  /// Open streams of one connection.
  public var streamsMax: UInt32 = 100
  /// Bytes of all header fields of a request, each counted with 32 extra.
  public var headerListBytesMax = 16 << 10
  /// Header fields of a request; each of the values joined by commas under a key ending in `-bin`
  /// is one.
  public var headerFieldsMax = 64
  /// Bytes of one header field, name and value.
  public var headerFieldBytesMax = 8 << 10
  /// Bytes of what a handler adds to the headers of its answer, and to the trailers, counted
  /// likewise; with more the call ends with RESOURCE_EXHAUSTED.
  public var headerListBytesSentMax = 48 << 10
  /// Bytes of an error's details as they are sent, in base64; larger ones are left out, rather than
  /// sent to a peer that refuses all of the answer.
  public var statusDetailBytesMax = 6 << 10
  /// Bytes a peer may send ahead on one stream.
  public var streamWindow: Int32 = 256 << 10
  /// Bytes a peer may send ahead on one connection.
  public var connectionWindow: Int32 = 1 << 20
  /// CONTINUATION frames of one block of headers.
  public var continuationsMax = 8
  /// Calls that the peer gives up; with more it is told to open no others on this connection, where
  /// those it has are finished, and four times as many end the connection.
  public var resetsReceived = Frequency(burst: 100, perSecond: 20)
  /// As `resetsReceived`, of peers that have shown a certificate of our authority: whoever calls for
  /// many may have to give up as many at once.
  public var resetsReceivedOfNamed = Frequency(burst: 1_000, perSecond: 200)
  /// Resets that the peer makes us send; more end the connection.
  public var resetsSent = Frequency(burst: 50, perSecond: 10)
  /// Pings of the peer while it is sent nothing else; more end the connection with
  /// `too_many_pings`.
  public var pings = Frequency(burst: 10, every: .seconds(5))
  /// SETTINGS frames of the peer; more end the connection.
  public var settingsFrames = Frequency(burst: 20, perSecond: 5)
  /// PRIORITY frames of the peer; more end the connection.
  public var priorities = Frequency(burst: 40, perSecond: 20)
  /// DATA frames of the peer with nothing in them but padding; more end the connection.
  public var emptyData = Frequency(burst: 100, perSecond: 20)
  /// Frames of the peer that ask for nothing and bring next to nothing, such as window updates for
  /// which it was sent nothing; more end the connection.
  public var cheapFrames = Frequency(burst: 4_000, perSecond: 500)
  /// Frames that wait to be sent on one connection.
  public var outboundFramesMax = 1_000
  /// Bytes that wait to be sent on one connection. With more, new calls on it are refused if the
  /// peer has taken nothing for a second, or four times as many wait; at once if it never took any.
  /// Handlers of calls that came before begin, or write on, once it has taken some.
  public var outboundBytesMax = 1 << 20

  // MARK: Built-in services

  /// Serves `grpc.health.v1.Health`.
  public var servesHealth = true
  /// Serves `grpc.reflection.v1` and `v1alpha`.
  public var servesReflection = true

  /// The values above.
  public init() {}
}

/// How often something may happen: so many at once, and later one in a while.
public struct Frequency: Sendable, Hashable {
  /// How many at once.
  public var burst: Int
  /// How many a second in the long run.
  public var perSecond: Double

  /// So many at once, and so many a second in the long run.
  public init(burst: Int, perSecond: Double) {
    self.burst = burst
    self.perSecond = perSecond
  }

  /// So many at once, and one in `interval` in the long run.
  public init(burst: Int, every interval: Duration) {
    let seconds = Double(interval.clampedNanoseconds) / 1e9
    self.init(burst: burst, perSecond: seconds > 0 ? 1 / seconds : 0)
  }

  var rate: Rate { Rate(burst: burst, perSecond: perSecond) }
}
