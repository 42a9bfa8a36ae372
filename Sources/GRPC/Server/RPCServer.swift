import Glibc
import HTTP2
public import Logging
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// Answers the calls of a set of services over HTTP/2.
public final class RPCServer: Sendable {
  private struct State {
    var listener: (any Channel)?
    var group: MultiThreadedEventLoopGroup?
    var executors: [ObjectIdentifier: LoopExecutor] = [:]
    var connections: [ObjectIdentifier: ServerConnection] = [:]
    var perAddress: [String: Int] = [:]
    var isStopping = false
    var allClosed: OneShot<Void>?
  }

  /// What the server says of its health; not serving until told otherwise.
  public let health: HealthStatus

  private let core: ServerCore
  private let tls: TLSSettings?
  private let state = Mutex(State())

  /// A server that does not listen yet.
  ///
  /// - Parameters:
  ///   - interceptors: what every call passes through, the first outermost. Health and reflection
  ///     do not: whoever may connect may ask them.
  ///   - tls: TLS, mutual with an authority; without one anybody on the network may call.
  public init(
    services: [ServiceBinding], interceptors: [any ServerInterceptor] = [],
    settings: ServerSettings = ServerSettings(), tls: TLSSettings? = nil,
    logger: Logger = Logger(label: "grpc.server")
  ) {
    health = HealthStatus(services: services.map(\.descriptor.fullName))
    self.tls = tls
    core = ServerCore(
      services: services,
      builtIn: BuiltInServices.bindings(settings, services: services, health: health),
      interceptors: interceptors, settings: settings, health: health, logger: logger)
  }

  /// Calls whose handlers have not ended.
  public var callsInFlight: Int { core.callsInFlight }

  /// Open connections.
  public var connectionCount: Int { state.withLock { $0.connections.count } }

  /// Listens and answers.
  ///
  /// - Parameters:
  ///   - host: a numeric address; loopback unless said otherwise.
  ///   - port: 0 lets the system choose.
  /// - Returns: the port.
  /// - Throws: when the certificate cannot be read or the address cannot be had.
  public func start(host: String = "127.0.0.1", port: Int) async throws -> Int {
    signal(SIGPIPE, SIG_IGN)
    let security = try tls.map { try TLSIdentity($0, server: true, logger: core.logger) }
    let group = MultiThreadedEventLoopGroup(numberOfThreads: max(1, core.settings.loops))
    state.withLock { state in
      state.group = group
      for loop in group.makeIterator() {
        state.executors[ObjectIdentifier(loop)] = LoopExecutor(loop)
      }
    }
    do {
      let listener = try await bootstrap(group, security).bind(host: host, port: port).get()
      state.withLock { $0.listener = listener }
      return listener.localAddress?.port ?? port
    } catch {
      try? await group.shutdownGracefully()
      throw error
    }
  }

  private func bootstrap(
    _ group: MultiThreadedEventLoopGroup, _ security: TLSIdentity?
  ) -> ServerBootstrap {
    ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: core.settings.backlog)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
      .childChannelOption(.tcpOption(.userTimeout), value: 10_000)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try self.accept(channel, security) }
      }
  }

  private func accept(_ channel: any Channel, _ security: TLSIdentity?) throws {
    let address = channel.remoteAddress?.ipAddress ?? "unknown"
    guard let executor = admit(channel.eventLoop, address) else {
      throw RPCError(.resourceExhausted, "too many connections")
    }
    var isTaken = false
    defer { if !isTaken { forget(nil, address) } }
    let calls = try ServerConnection(
      core: core, executor: executor, address: address, tls: security?.settings
    ) { [weak self] connection in self?.forget(connection, address) }
    let connection = Connection(session: calls.session, delegate: calls)
    calls.connection = connection
    if let security {
      let handler = NIOSSLServerHandler(context: security.context)
      calls.tls = handler
      try channel.pipeline.syncOperations.addHandler(handler)
    }
    state.withLock { $0.connections[ObjectIdentifier(calls)] = calls }
    isTaken = true
    try channel.pipeline.syncOperations.addHandler(connection)
  }

  private func admit(_ loop: any EventLoop, _ address: String) -> LoopExecutor? {
    state.withLock { state in
      let isFull =
        state.connections.count >= core.settings.connectionsMax
        || state.perAddress[address, default: 0] >= core.settings.connectionsPerAddressMax
      guard !isFull, !state.isStopping else { return nil }
      guard let executor = state.executors[ObjectIdentifier(loop)] else { return nil }
      state.perAddress[address, default: 0] += 1
      return executor
    }
  }

  private func forget(_ connection: ServerConnection?, _ address: String) {
    let allClosed = state.withLock { state -> OneShot<Void>? in
      if let connection { state.connections[ObjectIdentifier(connection)] = nil }
      let left = state.perAddress[address, default: 1] - 1
      state.perAddress[address] = left > 0 ? left : nil
      return state.connections.isEmpty ? state.allClosed : nil
    }
    allClosed?.give(.success(()))
  }

  /// Stops: says so to health checks and callers, takes no new calls, waits for those under way,
  /// and closes what is left when the grace is over.
  public func shutdownGracefully(grace: Duration = .seconds(10)) async {
    health.setServing(false)
    let allClosed = OneShot<Void>()
    let (listener, group, connections) = state.withLock { state in
      state.isStopping = true
      state.allClosed = allClosed
      return (state.listener, state.group, Array(state.connections.values))
    }
    guard let group else { return }
    try? await listener?.close().get()
    for connection in connections { connection.loop.execute { connection.drain() } }
    if state.withLock({ $0.connections.isEmpty }) { allClosed.give(.success(())) }
    let timer = group.next().scheduleTask(in: grace.timeAmount) { allClosed.give(.success(())) }
    try? await allClosed.take()
    timer.cancel()
    await closeTheRest()
    try? await group.shutdownGracefully()
  }

  /// Closes connections that did not end by themselves; their handlers are cancelled by that, and
  /// have a moment to end.
  private func closeTheRest() async {
    let left = state.withLock { Array($0.connections.values) }
    for connection in left {
      connection.loop.execute { connection.connection?.close("the server stops") }
    }
    let patience = Deadline.after(.seconds(1))
    while !patience.hasPassed {
      let isQuiet = state.withLock { $0.connections.isEmpty } && core.callsInFlight == 0
      if isQuiet { return }
      try? await Task.sleep(for: .milliseconds(5))
    }
  }
}

extension NIOBSDSocket.Option {
  /// Milliseconds after which a connection whose peer acknowledges nothing is given up.
  static var userTimeout: NIOBSDSocket.Option { NIOBSDSocket.Option(rawValue: TCP_USER_TIMEOUT) }
}
