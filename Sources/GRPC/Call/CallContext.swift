public import ServiceContextModule
import Synchronization

/// One rpc in flight, as its handler and the interceptors see it.
public struct CallContext: Sendable {
  /// The method called.
  public var method: MethodDescriptor { storage.method }
  /// What the caller sent beside the request; without the names that HTTP/2 and gRPC keep.
  public var metadata: Metadata { storage.metadata }
  /// When the caller stops waiting. The server answers DEADLINE_EXCEEDED itself and cancels the
  /// handler's task.
  public var deadline: Deadline { storage.deadline }
  /// Who is on the other end of the connection.
  public var peer: Peer { storage.peer }
  /// Values that interceptors add for those after them, such as verified claims.
  public var context: ServiceContext

  private let storage: Storage

  /// What a handler says beside its answer, and what it may know only after it was made.
  struct Said: Sendable {
    var headers = Metadata()
    var trailers = Metadata()
    var compression = Compression.identity
    var requestWasCompressed = false
  }

  private final class Storage: Sendable {
    let method: MethodDescriptor
    let metadata: Metadata
    let deadline: Deadline
    let peer: Peer
    private let words = Mutex(Said())
    /// True once a handler said anything; most never do.
    private let hasWords = Atomic(false)

    init(method: MethodDescriptor, metadata: Metadata, deadline: Deadline, peer: Peer) {
      self.method = method
      self.metadata = metadata
      self.deadline = deadline
      self.peer = peer
    }

    var isSilent: Bool { !hasWords.load(ordering: .acquiring) }

    var said: Said { isSilent ? Said() : words.withLock { $0 } }

    func say(_ change: (inout Said) -> Void) {
      words.withLock { change(&$0) }
      hasWords.store(true, ordering: .releasing)
    }
  }

  /// A call made by hand, for tests that call a handler or an interceptor directly.
  public init(
    method: MethodDescriptor, metadata: Metadata = Metadata(),
    deadline: Deadline = .after(.seconds(10)), peer: Peer = .inProcess,
    context: ServiceContext = .topLevel
  ) {
    storage = Storage(method: method, metadata: metadata, deadline: deadline, peer: peer)
    self.context = context
  }

  /// Adds a text to what goes before the answer. Without effect once a first message was written.
  /// Illegal pairs are left out.
  public func setHeader(_ text: String, for key: String) {
    storage.say { $0.headers.append(text, for: key) }
  }

  /// Adds bytes under a key that ends in `-bin`, before the answer.
  public func setHeader(binary bytes: [UInt8], for key: String) {
    storage.say { $0.headers.append(binary: bytes, for: key) }
  }

  /// Packs the messages of the answer, if the caller can unpack them. Without effect once a first
  /// message was written.
  public func setResponseCompression(_ compression: Compression) {
    storage.say { $0.compression = compression }
  }

  /// Whether the request of a unary call was compressed on the wire; streams say so message by
  /// message.
  public var requestWasCompressed: Bool { storage.said.requestWasCompressed }

  func noteCompressedRequest() {
    storage.say { $0.requestWasCompressed = true }
  }

  /// Forgets headers and trailers.
  func unsay() {
    storage.say { said in
      said.headers = Metadata()
      said.trailers = Metadata()
    }
  }

  /// Adds a text to what follows the answer, also when the call fails. Illegal pairs are left out.
  public func setTrailer(_ text: String, for key: String) {
    storage.say { $0.trailers.append(text, for: key) }
  }

  /// Adds bytes under a key that ends in `-bin`, also when the call fails.
  public func setTrailer(binary bytes: [UInt8], for key: String) {
    storage.say { $0.trailers.append(binary: bytes, for: key) }
  }

  /// What was set so far to go before the answer.
  public var headers: Metadata { storage.said.headers }

  /// What was set so far to follow the answer.
  public var trailers: Metadata { storage.said.trailers }

  var said: Said { storage.said }

  /// True for a handler that says nothing beside its answer.
  var isSilent: Bool { storage.isSilent }

  /// Options for a call made on behalf of this one: what is left of its deadline less the time the
  /// answer needs on the way back, and the pairs that say for whom and under which trace.
  ///
  /// - Parameter metadata: pairs to add.
  public func onward(_ metadata: Metadata = Metadata()) -> CallOptions {
    var forwarded = metadata
    let trace = trace
    for entry in self.metadata.entries where Self.forwardedKeys.contains(entry.key) {
      if trace != nil, entry.key == TraceContext.key { continue }
      forwarded.append(received: entry)
    }
    if let trace { forwarded.append(trace.next().traceparent, for: TraceContext.key) }
    var options = CallOptions(metadata: forwarded, deadline: deadline.advanced(by: Self.hop))
    options.leastRemaining = .milliseconds(30)
    return options
  }

  /// The time kept back for the answer's way home, as a (negative) step of the deadline.
  static let hop = Duration.milliseconds(-20)

  /// Pairs that travel on with a call made on behalf of another.
  public static let forwardedKeys: Set<String> = [
    "clientele-context-bin", "x-request-id", "traceparent", "tracestate",
  ]
}

/// Who is on the other end of a connection.
public struct Peer: Sendable, Hashable {
  /// The name in `spiffe://<trust-domain>/svc/<name>`, the one URI of the peer's certificate;
  /// nil on a connection without mutual TLS.
  public let serviceName: String?
  /// The network address, for logs.
  public let address: String

  /// Describes a peer.
  public init(serviceName: String?, address: String) {
    self.serviceName = serviceName
    self.address = address
  }

  /// A caller inside the process, with no certificate.
  public static let inProcess = Peer(serviceName: nil, address: "in-process")
}
