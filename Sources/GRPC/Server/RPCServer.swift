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
    var identity: TLSIdentity?
    var loops: [ObjectIdentifier: ServerLoop] = [:]
    var connections: [ObjectIdentifier: ServerConnection] = [:]
    var perAddress: [String: Int] = [:]
    var isStopping = false
    var allClosed: OneShot<Void>?
    /// Those who asked for the stop after the first; nil once it is done.
    var waitForStop: [OneShot<Void>]? = []
  }

  /// What the server says of its health; not serving until told otherwise.
  public let health: HealthStatus

  let core: ServerCore
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

  /// What the server counts of itself.
  public var metrics: ServerMetrics { ServerMetrics(server: self) }

  var loops: [ServerLoop] { state.withLock { Array($0.loops.values) } }

  var identityCounts: (reloads: UInt64, failures: UInt64)? {
    state.withLock { $0.identity }?.counts
  }

  /// How long the slowest event loop takes to get to something new; zero before `start`.
  public func loopDelay() async -> Duration {
    let begun = ContinuousClock.now
    await withTaskGroup { group in
      for home in loops {
        group.addTask { try? await home.loop.submit {}.get() }
      }
    }
    return loops.isEmpty ? .zero : ContinuousClock.now - begun
  }

  // MARK: Start

  /// Listens and answers. Raises the limit of open files of the process to what the system allows:
  /// each connection takes one.
  ///
  /// - Parameters:
  ///   - host: a numeric address; loopback unless said otherwise.
  ///   - port: 0 lets the system choose.
  /// - Returns: the port.
  /// - Throws: when the certificate cannot be read or the address cannot be had.
  public func start(host: String = "127.0.0.1", port: Int) async throws -> Int {
    try await start(orPort: port) { try await $0.bind(host: host, port: port).get() }
  }

  /// Answers whoever connects to a socket that listens already, such as one that a supervisor
  /// hands from process to process so that nobody is ever refused. Raises the limit of open files as
  /// `start(host:port:)` does.
  ///
  /// - Parameter descriptor: of a TCP socket, bound and listening; the server closes it.
  /// - Returns: the port.
  /// - Throws: when the certificate cannot be read or the descriptor is no such socket.
  public func start(inherited descriptor: CInt) async throws -> Int {
    var isListening: CInt = 0
    var length = socklen_t(MemoryLayout<CInt>.size)
    let asked = getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &isListening, &length)
    guard asked == 0, isListening != 0 else {
      throw RPCError(.invalidArgument, "descriptor \(descriptor) is no listening socket")
    }
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    return try await start(orPort: 0) { try await $0.withBoundSocket(descriptor).get() }
  }

  private func start(
    orPort port: Int, _ listen: (ServerBootstrap) async throws -> any Channel
  ) async throws -> Int {
    signal(SIGPIPE, SIG_IGN)
    OpenFileLimit.raise()
    let identity = try tls.map { try TLSIdentity($0, server: true, logger: core.logger) }
    let group = MultiThreadedEventLoopGroup(numberOfThreads: max(1, core.settings.loops))
    state.withLock { state in
      state.group = group
      state.identity = identity
      for loop in group.makeIterator() {
        state.loops[ObjectIdentifier(loop)] = ServerLoop(loop, core: core)
      }
    }
    do {
      let listener = try await listen(bootstrap(group, identity))
      state.withLock { $0.listener = listener }
      return listener.localAddress?.port ?? port
    } catch {
      try? await group.shutdownGracefully()
      throw error
    }
  }

  private func bootstrap(
    _ group: MultiThreadedEventLoopGroup, _ identity: TLSIdentity?
  ) -> ServerBootstrap {
    ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: core.settings.backlog)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .serverChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.keepFromChildren()
          try channel.pipeline.syncOperations.addHandler(
            AcceptRest(keeping: self.core.settings.descriptorsKept) {
              self.core.bounds.add(.descriptors)
            })
        }
      }
      .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
      .childChannelOption(.tcpOption(.userTimeout), value: 10_000)
      // Who says little keeps little; who says more soon has as much as it needs.
      .childChannelOption(
        .recvAllocator,
        value: AdaptiveRecvByteBufferAllocator(
          minimum: 64, initial: 512, maximum: 64 << 10)
      )
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try self.accept(channel, identity) }
      }
  }

  private func accept(_ channel: any Channel, _ identity: TLSIdentity?) throws {
    try channel.keepFromChildren()
    let address = channel.remoteAddress?.ipAddress ?? "unknown"
    guard let home = admit(channel.eventLoop, address) else {
      throw RPCError(.resourceExhausted, "too many connections")
    }
    var isTaken = false
    defer { if !isTaken { forget(nil, address) } }
    let calls = try ServerConnection(
      core: core, home: home, address: address, tls: identity?.settings
    ) { [weak self] connection in self?.forget(connection, address) }
    let connection = Connection(session: calls.session, delegate: calls)
    calls.connection = connection
    if let identity {
      let handler = NIOSSLServerHandler(context: identity.context)
      calls.tls = handler
      try channel.pipeline.syncOperations.addHandler(handler)
    }
    state.withLock { $0.connections[ObjectIdentifier(calls)] = calls }
    isTaken = true
    try channel.pipeline.syncOperations.addHandler(connection)
  }

  private func admit(_ loop: any EventLoop, _ address: String) -> ServerLoop? {
    let perAddressMax = OpenFileLimit.connectionsPerAddress(
      core.settings.connectionsPerAddressMax, keeping: core.settings.descriptorsKept)
    return state.withLock { state in
      guard !state.isStopping else { return nil }
      if state.connections.count >= core.settings.connectionsMax {
        core.bounds.add(.connections)
        return nil
      }
      if state.perAddress[address, default: 0] >= perAddressMax {
        core.bounds.add(.connectionsPerAddress)
        return nil
      }
      guard let home = state.loops[ObjectIdentifier(loop)] else { return nil }
      state.perAddress[address, default: 0] += 1
      return home
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

  // MARK: Stop

  /// Takes no new connections; those that are open go on. A listening socket that another process
  /// holds too goes on listening there.
  public func stopAccepting() async {
    let listener = state.withLock { $0.listener }
    try? await listener?.close().get()
  }

  /// Stops: says so to health checks and callers, takes no new calls, waits for those under way,
  /// and closes what is left when the grace is over. Called again, it waits for the same end.
  public func shutdownGracefully(grace: Duration = .seconds(10)) async {
    health.setServing(false)
    let allClosed = OneShot<Void>()
    let (isFirst, listener, group, connections) = state.withLock { state in
      let isFirst = !state.isStopping
      state.isStopping = true
      if isFirst { state.allClosed = allClosed }
      return (isFirst, state.listener, state.group, Array(state.connections.values))
    }
    guard isFirst else { return await stopToEnd() }
    defer { tellStopped() }
    guard let group else { return }
    try? await listener?.close().get()
    for connection in connections { connection.loop.execute { connection.startDrain() } }
    if state.withLock({ $0.connections.isEmpty }) { allClosed.give(.success(())) }
    let timer = group.next().scheduleTask(in: grace.timeAmount) { allClosed.give(.success(())) }
    try? await allClosed.take()
    timer.cancel()
    await closeTheRest()
    try? await group.shutdownGracefully()
  }

  private func stopToEnd() async {
    let stopped = OneShot<Void>()
    let isDone = state.withLock { state in
      state.waitForStop?.append(stopped)
      return state.waitForStop == nil
    }
    if !isDone { try? await stopped.take() }
  }

  private func tellStopped() {
    let waiting = state.withLock { state in
      defer { state.waitForStop = nil }
      return state.waitForStop ?? []
    }
    for stopped in waiting { stopped.give(.success(())) }
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
