/// Which side of the connection a session is.
public enum Role: Sendable, Hashable {
  /// Sends requests.
  case client
  /// Answers them.
  case server
}

/// The bounds of one connection. See `GRPC.ServerSettings` for where they are set.
public struct SessionSettings: Sendable, Hashable {
  /// Which side this is.
  public var role: Role
  /// Streams the peer may have open.
  public var streamsMax: UInt32 = 100
  /// Bytes of all fields of one block of headers, each counted with 32 extra.
  public var headerListBytesMax = 16 << 10
  /// Fields of one block of headers; values that commas join under a key ending in `-bin` count
  /// like fields of their own.
  public var headerFieldsMax = 64
  /// Bytes of one field, name and value.
  public var headerFieldBytesMax = 8 << 10
  /// Bytes the peer may send ahead on one stream.
  public var streamWindow: Int32 = 256 << 10
  /// Bytes the peer may send ahead on the connection.
  public var connectionWindow: Int32 = 1 << 20
  /// CONTINUATION frames of one block of headers.
  public var continuationsMax = 8
  /// Frames that may wait to be sent.
  public var outboundFramesMax = 1_000
  /// Resets received of open streams: burst, and a second. Above, the peer is told to open no more
  /// streams and may finish those it has; at four times as many the connection ends.
  public var resetsReceived = Rate(burst: 100, perSecond: 20)
  /// Resets that the peer provokes from us: burst, and a second.
  public var resetsSent = Rate(burst: 50, perSecond: 10)
  /// Pings without any answer of ours between them: this many at once, and later one in five
  /// seconds.
  public var pings = Rate(burst: 10, every: 5)
  /// SETTINGS frames, the first included.
  public var settingsFrames = Rate(burst: 20, perSecond: 5)
  /// PRIORITY frames.
  public var priorities = Rate(burst: 40, perSecond: 20)
  /// DATA frames that carry nothing, or only padding, and end nothing.
  public var emptyData = Rate(burst: 100, perSecond: 20)
  /// Frames that ask for nothing and bring next to nothing: WINDOW_UPDATE, RST_STREAM, GOAWAY,
  /// answers to pings, unknown types, DATA of less than five bytes. Requests, more of a body, and
  /// what is sent to the peer give back more than an honest one needs for it.
  public var cheapFrames = Rate(burst: 4_000, perSecond: 500)

  /// The bounds above, for one side.
  public init(role: Role) { self.role = role }
}

/// How often something may happen: a bucket of `burst` tokens, filled at `perSecond`.
public struct Rate: Sendable, Hashable {
  /// How many at once.
  public var burst: Int
  /// How many a second in the long run.
  public var perSecond: Double

  /// A burst and a rate.
  public init(burst: Int, perSecond: Double) {
    self.burst = burst
    self.perSecond = perSecond
  }

  /// A burst, and how many seconds lie between two in the long run.
  public init(burst: Int, every seconds: Double) {
    self.init(burst: burst, perSecond: seconds > 0 ? 1 / seconds : .greatestFiniteMagnitude)
  }
}

/// A bucket of tokens on a clock of nanoseconds that the caller brings.
struct RateBucket {
  private let rate: Rate
  private var tokens: Double
  private var filledAt: Int64 = 0

  init(_ rate: Rate) {
    self.rate = rate
    tokens = Double(rate.burst)
  }

  /// Takes one; false when there is none left.
  mutating func take(at now: Int64) -> Bool {
    if now > filledAt {
      let seconds = Double(now &- filledAt) / 1e9
      tokens = min(Double(rate.burst), tokens + seconds * rate.perSecond)
      filledAt = now
    }
    guard tokens >= 1 else { return false }
    tokens -= 1
    return true
  }

  /// Gives some back.
  mutating func give(_ count: Double) { tokens = min(Double(rate.burst), tokens + count) }

  mutating func refill() { tokens = Double(rate.burst) }
}
