/// What holds for the calls of some methods of a channel, where their options say nothing else.
public struct MethodConfig: Sendable, Hashable {
  /// Which methods. The most particular of all that fit holds, and it alone.
  public enum Scope: Sendable, Hashable {
    /// The method with this path, `/package.Service/Method`.
    case method(String)
    /// Every method of the service with this full name, `package.Service`.
    case service(String)
    /// Every method.
    case all
  }

  /// The methods that this is for.
  public var scopes: [Scope]
  /// The longest time a call may take, its retries included; options can only shorten it.
  public var timeout: Duration?
  /// See `CallOptions.waitsForReady`.
  public var waitsForReady: Bool?
  /// When a failed call is made again; never without it.
  public var retries: RetryPolicy?

  /// Says what holds for the methods.
  public init(
    _ scopes: [Scope], timeout: Duration? = nil, waitsForReady: Bool? = nil,
    retries: RetryPolicy? = nil
  ) {
    self.scopes = scopes
    self.timeout = timeout
    self.waitsForReady = waitsForReady
    self.retries = retries
  }
}

/// When and how often a failed call is made again. Only a call of whose answer nothing has come,
/// not even headers, is; and one with streams only while all it sent is still held.
///
/// Give it to methods that may be called twice: those that change nothing, or carry a request id.
public struct RetryPolicy: Sendable, Hashable {
  /// Attempts in all, the first included; 1 to 5.
  public let maxAttempts: Int
  /// The pause before the second attempt, ± 20 %.
  public let initialBackoff: Duration
  /// The longest pause before an attempt, ± 20 %.
  public let maxBackoff: Duration
  /// How much longer each pause is than the one before.
  public let multiplier: Double
  /// The codes after which another attempt makes sense.
  public let retryableCodes: Set<StatusCode>

  /// A policy; what is out of range is brought into it.
  public init(
    maxAttempts: Int = 3, initialBackoff: Duration = .milliseconds(50),
    maxBackoff: Duration = .seconds(1), multiplier: Double = 2,
    retryableCodes: Set<StatusCode> = [.unavailable]
  ) {
    self.maxAttempts = max(1, min(5, maxAttempts))
    self.initialBackoff = max(.zero, initialBackoff)
    self.maxBackoff = max(.zero, maxBackoff)
    self.multiplier = multiplier.isFinite ? max(1, min(100, multiplier)) : 1
    self.retryableCodes = retryableCodes.subtracting([.ok])
  }

  /// The pause before the attempt after so many, before it is spread.
  func pause(afterAttempts count: Int) -> Duration {
    var pause = min(initialBackoff, maxBackoff)
    for _ in 1..<max(1, count) { pause = min(pause * multiplier, maxBackoff) }
    return pause
  }
}

/// Keeps retries from making things worse: a bucket of tokens for the whole channel. A failed
/// attempt takes one, a call that ends well gives `tokenRatio` back, and nothing is retried while
/// half of them or more are gone.
public struct RetryThrottling: Sendable, Hashable {
  /// Tokens in a full bucket, 1 to 1 000.
  public let maxTokens: Double
  /// What a call that ends well gives back, at least 0.001.
  public let tokenRatio: Double

  /// A bucket; what is out of range is brought into it.
  public init(maxTokens: Double = 10, tokenRatio: Double = 0.1) {
    self.maxTokens = max(1, min(1_000, maxTokens))
    self.tokenRatio = max(0.001, min(1_000, tokenRatio))
  }
}

/// The bucket of a channel.
struct RetryBucket {
  private let rule: RetryThrottling?
  private var tokens: Double

  /// - Parameter rule: without one nothing is held back.
  init(_ rule: RetryThrottling?) {
    self.rule = rule
    tokens = rule?.maxTokens ?? 0
  }

  mutating func succeeded() {
    guard let rule else { return }
    tokens = min(rule.maxTokens, tokens + rule.tokenRatio)
  }

  /// Counts a failed attempt; returns whether another may follow.
  mutating func failed() -> Bool {
    guard let rule else { return true }
    tokens = max(0, tokens - 1)
    return tokens > rule.maxTokens / 2
  }
}

/// The configuration of each method, found by its path.
struct MethodPlans: Sendable {
  private let methods: [String: MethodConfig]
  private let services: [Substring: MethodConfig]
  private let all: MethodConfig?
  private let isEmpty: Bool

  /// The first that names a scope holds for it.
  init(_ configs: [MethodConfig]) {
    var methods: [String: MethodConfig] = [:]
    var services: [Substring: MethodConfig] = [:]
    var all: MethodConfig?
    for config in configs {
      for scope in config.scopes {
        switch scope {
        case .method(let path): methods[path] = methods[path] ?? config
        case .service(let name): services[name[...]] = services[name[...]] ?? config
        case .all: all = all ?? config
        }
      }
    }
    self.methods = methods
    self.services = services
    self.all = all
    isEmpty = configs.isEmpty
  }

  func config(of path: String) -> MethodConfig? {
    if isEmpty { return nil }
    if let config = methods[path] { return config }
    if !services.isEmpty, let slash = path.lastIndex(of: "/"), slash > path.startIndex,
      let config = services[path[path.index(after: path.startIndex)..<slash]]
    {
      return config
    }
    return all
  }
}
