import HTTP2
import NIOCore
import NIOPosix

/// One server of a channel, with the connection to it that new calls go to.
///
/// Safety: every property is touched on the channel's event loop only.
final class Server: @unchecked Sendable {
  let id: Int
  let endpoint: Endpoint
  var connection: ClientConnection?
  var backoff: Duration
  var readyAt: Int64 = 0

  init(id: Int, endpoint: Endpoint, backoff: Duration) {
    self.id = id
    self.endpoint = endpoint
    self.backoff = backoff
  }
}

// The connections of a channel: what the balancer asks for is done, what happens it is told.
extension ChannelCore {
  /// A connection that ends sooner than this, and answered nothing, counts as a failure: a server
  /// that turns everybody away is not asked without a pause.
  private static let leastLife: Int64 = 100_000_000

  func tell(_ event: Balancer<Endpoint>.Event) {
    let actions = balancer.handle(event)
    for member in balancer.members where servers[member.id] == nil {
      servers[member.id] = Server(
        id: member.id, endpoint: member.endpoint, backoff: settings.firstBackoff)
    }
    for action in actions { act(action) }
    picks = balancer.candidates.compactMap { servers[$0]?.connection }
    count()
    failFast()
    startWaiting()
  }

  private func act(_ action: Balancer<Endpoint>.Action) {
    switch action {
    case .connect(let id):
      servers[id].map(connect)
    case .disconnect(let id):
      servers[id].map(disconnect)
    case .forget(let id):
      servers.removeValue(forKey: id).map(disconnect)
    case .resolve:
      if resolver.hasNames { lookUp() }
    }
  }

  private func count() {
    var links = ChannelMetrics.Links()
    for member in balancer.members {
      switch member.phase {
      case .idle: links.idle += 1
      case .connecting: links.connecting += 1
      case .ready: links.ready += 1
      case .resting: links.backingOff += 1
      }
    }
    metrics.links(links)
  }

  // MARK: Names

  /// Looks names up, though not more often than allowed.
  func lookUp() {
    let now = ServerConnection.now
    guard now >= nextLookUp else {
      guard !isLookUpDue else { return }
      isLookUpDue = true
      loop.scheduleTask(in: .nanoseconds(nextLookUp &- now)) {
        self.isLookUpDue = false
        if self.balancer.isWanted { self.lookUp() }
      }
      return
    }
    nextLookUp = now &+ settings.lookUpInterval.clampedNanoseconds
    resolver.resolve { endpoints, failure in
      if let failure {
        self.lastFailure = failure
        self.lookUp()
      }
      guard !self.isClosed else { return }
      self.tell(endpoints.isEmpty ? .unresolved : .resolved(endpoints))
    }
  }

  // MARK: Connecting

  private func connect(_ server: Server) {
    let connection: ClientConnection
    do {
      connection = try ClientConnection(
        self, server: server.id, authority: settings.serverName ?? server.endpoint.authority,
        settings: settings, expected: security?.expected)
    } catch {
      loop.execute { self.failed(server, "\(error)") }
      return
    }
    server.connection = connection
    connections.append(connection)
    let patience = Int(settings.keepaliveTimeout.clampedNanoseconds / 1_000_000)
    ClientBootstrap(group: loop)
      .connectTimeout(settings.connectTimeout.timeAmount)
      .channelOption(.tcpOption(.tcp_nodelay), value: 1)
      .channelOption(.tcpOption(.userTimeout), value: max(1, min(3_600_000, patience)))
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try self.equip(channel, connection, server.endpoint)
        }
      }
      .connect(to: server.endpoint.address)
      .whenFailure { error in
        if case ChannelError.connectTimeout = error { self.metrics.reached(.connectTime) }
        self.lost(connection, "\(error)")
      }
    giveTime(server, connection)
  }

  private func giveTime(_ server: Server, _ connection: ClientConnection) {
    // A connection that is lost before is not kept until then.
    loop.scheduleTask(in: settings.connectTimeout.timeAmount) { [weak connection] in
      // Connected, but no word of HTTP/2 in time.
      guard let connection, server.connection === connection, !connection.takesCalls else {
        return
      }
      self.metrics.reached(.connectTime)
      connection.connection?.close("the server did not answer in time")
    }
    guard balancer.policy == .pickFirst, balancer.members.count > 1 else { return }
    loop.scheduleTask(in: settings.nextServerAfter.timeAmount) { [weak connection] in
      guard let connection, server.connection === connection, !connection.takesCalls else {
        return
      }
      self.tell(.slow(server.id))
    }
  }

  private func equip(
    _ channel: any Channel, _ connection: ClientConnection, _ endpoint: Endpoint
  ) throws {
    guard !connection.isRefused else { throw RPCError(.cancelled, "not needed any more") }
    try channel.keepFromChildren()
    if let security {
      let handler = try security.handler(for: endpoint)
      connection.tls = handler
      try channel.pipeline.syncOperations.addHandler(handler)
    }
    let handler = Connection(session: connection.session, delegate: connection)
    connection.connection = handler
    try channel.pipeline.syncOperations.addHandler(handler)
  }

  private func disconnect(_ server: Server) {
    let connection = server.connection
    server.connection = nil
    connection?.drain()
  }

  // MARK: What connections tell

  /// The server that new calls of this connection would go to; nil for one that drains.
  private func server(of connection: ClientConnection) -> Server? {
    guard let server = servers[connection.server], server.connection === connection else {
      return nil
    }
    return server
  }

  func becameReady(_ connection: ClientConnection) {
    guard let server = server(of: connection) else { return connection.drain() }
    server.readyAt = ServerConnection.now
    tell(.ready(server.id))
    if let service = settings.healthService { connection.watchHealth(of: service) }
  }

  func isServing(_ connection: ClientConnection, _ isServing: Bool) {
    guard let server = server(of: connection) else { return }
    if !isServing { lastFailure = "the server says that it is not serving" }
    tell(.serving(server.id, isServing))
  }

  /// The server takes no new calls on this connection; those it has are finished.
  func isLeaving(_ connection: ClientConnection) {
    guard let server = server(of: connection) else { return }
    left(server, connection, "the server took no calls")
  }

  func lost(_ connection: ClientConnection, _ reason: String?) {
    guard connections.contains(where: { $0 === connection }) else { return }
    connections.removeAll { $0 === connection }
    if let server = server(of: connection) { left(server, connection, reason) }
    if connections.isEmpty { tellClosed() }
  }

  /// No further stream can be opened on the connection.
  func retire(_ connection: ClientConnection) {
    guard let server = server(of: connection) else { return }
    server.connection = nil
    connection.drain()
    tell(.left(server.id))
  }

  private func left(_ server: Server, _ connection: ClientConnection, _ reason: String?) {
    server.connection = nil
    let wasReady = server.readyAt > 0
    let life = ServerConnection.now &- server.readyAt
    server.readyAt = 0
    if wasReady, connection.hasAnswered || life >= Self.leastLife {
      server.backoff = settings.firstBackoff
      tell(.left(server.id))
    } else {
      failed(server, reason)
    }
  }

  private func failed(_ server: Server, _ reason: String?) {
    lastFailure = reason ?? "the server closed the connection"
    let pause = server.backoff * Double.random(in: 0.8...1.2)
    server.backoff = min(server.backoff * 2, settings.longestBackoff)
    tell(.failed(server.id))
    loop.scheduleTask(in: pause.timeAmount) {
      if self.servers[server.id] === server { self.tell(.rested(server.id)) }
    }
  }

  /// The server says that it is pinged too often.
  func pingLess() {
    keepaliveAfter = min(keepaliveAfter * 2, .seconds(7_200))
  }
}
