public import GRPC
public import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// Where a process tells of itself.
public struct AdminSettings: Sendable {
  /// A numeric address; loopback unless said otherwise.
  public let host: String
  /// The port; nil for none.
  public let port: Int?

  /// Reads `CLIENTELE_ADMIN_PORT`, without which nothing listens, and `CLIENTELE_ADMIN_HOST`.
  public init(_ settings: inout ServiceSettings) {
    host = settings.string("CLIENTELE_ADMIN_HOST", default: "127.0.0.1")
    let port = settings.int("CLIENTELE_ADMIN_PORT", default: -1, in: 0...65535)
    self.port = port < 0 ? nil : port
  }
}

/// What a process tells those who run it, over HTTP on a port of its own: `/metrics` in Prometheus'
/// text, `/healthz` while its event loops turn, `/readyz` while it can do its work.
///
/// Nobody signs in here and nothing is encrypted: it listens on loopback unless told otherwise.
public final class AdminServer: Sendable {
  /// What is asked for each answer.
  public struct Sources: Sendable {
    /// The figures of the process's own parts; what every process has is added.
    public var samples: @Sendable () async -> [MetricSample]
    /// How long the slowest event loop took to turn.
    public var loopDelay: @Sendable () async -> Duration
    /// Whether the process can do its work.
    public var isReady: @Sendable () async -> Bool

    /// Names what is asked.
    public init(
      samples: @escaping @Sendable () async -> [MetricSample] = { [] },
      loopDelay: @escaping @Sendable () async -> Duration = { .zero },
      isReady: @escaping @Sendable () async -> Bool = { true }
    ) {
      self.samples = samples
      self.loopDelay = loopDelay
      self.isReady = isReady
    }
  }

  /// A process whose event loops take longer than this to turn is not alive.
  static let loopDelayMax = Duration.seconds(1)
  /// Connections at once; scrapers need one each.
  static let connectionsMax = 32
  /// File descriptors its connections leave free: fewer than callers do, so that somebody can look at
  /// a process that is full of callers.
  static let descriptorsKept = 16
  /// How long a connection may be silent.
  static let idleMax = TimeAmount.seconds(10)

  private let sources: Sources
  private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

  /// A server that does not listen yet.
  public init(_ sources: Sources) {
    self.sources = sources
  }

  /// Listens. Port 0 lets the system choose.
  /// - Returns: the port.
  /// - Throws: when the address cannot be had.
  public func start(host: String, port: Int) async throws -> Int {
    let open = ConnectionCount()
    let listener = try await ServerBootstrap(group: group)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .serverChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(AcceptRest(keeping: Self.descriptorsKept))
        }
      }
      .childChannelInitializer { [sources] channel in
        let loop = channel.eventLoop
        return loop.makeCompletedFuture {
          guard open.take() else { throw ChannelError.inappropriateOperationForState }
          channel.closeFuture.whenComplete { _ in open.giveBack() }
          let pipeline = channel.pipeline.syncOperations
          try pipeline.addHandler(IdleStateHandler(readTimeout: Self.idleMax))
          try pipeline.configureHTTPServerPipeline(withPipeliningAssistance: false)
          try pipeline.addHandler(AdminHandler { await Self.answer($0, sources, loop) })
        }
      }
      .bind(host: host, port: port).get()
    return listener.localAddress?.port ?? port
  }

  /// Listens as the settings say. A port that cannot be had is tried again until the task is
  /// cancelled: the process that this one replaces may still have it, and the work of the process
  /// does not hang on it.
  public func startIfWanted(_ settings: AdminSettings, _ logger: Logger) async {
    guard let port = settings.port else { return }
    var hasComplained = false
    while !Task.isCancelled {
      do {
        let port = try await start(host: settings.host, port: port)
        logger.notice("admin port", metadata: ["host": "\(settings.host)", "port": "\(port)"])
        return
      } catch {
        let facts: Logger.Metadata = ["port": "\(port)", "error": "\(error)"]
        if !hasComplained { logger.notice("the admin port is taken", metadata: facts) }
        hasComplained = true
      }
      try? await Task.sleep(for: .milliseconds(500))
    }
  }

  /// Stops listening.
  public func stop() async {
    try? await group.shutdownGracefully()
  }

  /// An answer: its status, its type, its text.
  typealias Answer = (status: HTTPResponseStatus, type: String, text: String)

  private static let plain = "text/plain; charset=utf-8"

  private static func answer(
    _ path: String, _ sources: Sources, _ loop: any EventLoop
  ) async -> Answer {
    switch path {
    case "/metrics":
      let delay = await sources.loopDelay()
      let samples =
        await sources.samples() + MetricsRegistry.process.samples() + ProcessFigures.samples() + [
          MetricSample(
            name: "clientele_loop_delay_seconds",
            help: "How long the slowest event loop took to turn, as asked now.", kind: .gauge,
            value: delay / .seconds(1))
        ]
      return (.ok, PrometheusText.contentType, PrometheusText.page(samples))
    case "/healthz":
      let isAlive = await turned(sources, loop)
      return isAlive
        ? (.ok, plain, "alive\n") : (.serviceUnavailable, plain, "an event loop does not turn\n")
    case "/readyz":
      let isReady = await sources.isReady()
      return isReady ? (.ok, plain, "ready\n") : (.serviceUnavailable, plain, "not ready\n")
    default:
      return (.notFound, plain, "/metrics, /healthz and /readyz are here\n")
    }
  }

  /// Whether the loops turn in time. One that hangs never answers, so the clock decides too: the
  /// first of the two counts.
  private static func turned(_ sources: Sources, _ loop: any EventLoop) async -> Bool {
    let isAlive = loop.makePromise(of: Bool.self)
    let timer = loop.scheduleTask(in: .nanoseconds(loopDelayMax.nanoseconds)) {
      isAlive.succeed(false)
    }
    isAlive.completeWithTask { await sources.loopDelay() < loopDelayMax }
    defer { timer.cancel() }
    return (try? await isAlive.futureResult.get()) ?? false
  }
}

extension Duration {
  fileprivate var nanoseconds: Int64 {
    components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000
  }
}

/// Counts connections up to the bound.
private final class ConnectionCount: Sendable {
  private let open = Mutex(0)

  func take() -> Bool {
    open.withLock { count in
      guard count < AdminServer.connectionsMax else { return false }
      count += 1
      return true
    }
  }

  func giveBack() { open.withLock { $0 -= 1 } }
}

/// One request a connection; then it is closed.
private final class AdminHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private let answer: @Sendable (String) async -> AdminServer.Answer
  private var head: HTTPRequestHead?

  init(_ answer: @escaping @Sendable (String) async -> AdminServer.Answer) {
    self.answer = answer
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head) where self.head == nil: self.head = head
    case .end: if let head { respond(to: head, on: context.channel) }
    case .head, .body: break
    }
  }

  private func respond(to head: HTTPRequestHead, on channel: any Channel) {
    guard head.method == .GET || head.method == .HEAD else {
      Self.write((.methodNotAllowed, "text/plain", "GET only\n"), head, to: channel)
      return
    }
    let path = String(head.uri.prefix { $0 != "?" })
    let answer = answer
    channel.eventLoop.makeFutureWithTask { await answer(path) }
      .whenSuccess { Self.write($0, head, to: channel) }
  }

  private static func write(
    _ answer: AdminServer.Answer, _ head: HTTPRequestHead, to channel: any Channel
  ) {
    let headers: HTTPHeaders = [
      "content-type": answer.type, "content-length": "\(answer.text.utf8.count)",
      "connection": "close", "cache-control": "no-store",
    ]
    let response = HTTPResponseHead(version: .http1_1, status: answer.status, headers: headers)
    channel.write(HTTPServerResponsePart.head(response), promise: nil)
    if head.method != .HEAD {
      let body = ByteBuffer(string: answer.text)
      channel.write(HTTPServerResponsePart.body(.byteBuffer(body)), promise: nil)
    }
    channel.writeAndFlush(HTTPServerResponsePart.end(nil))
      .whenComplete { _ in channel.close(promise: nil) }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if event is IdleStateHandler.IdleStateEvent { context.close(promise: nil) }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }
}
