import NIOCore
import Synchronization

/// Every open connection: how many there are from an address, and whether the client is still there.
final class ConnectionWatch: Sendable {
  private struct Connection: Sendable {
    let address: String
    /// What to call when the client goes, by exchange.
    var waiting: [Int: @Sendable () -> Void] = [:]
    var isGone = false
  }

  private struct State: Sendable {
    var connections: [ObjectIdentifier: Connection] = [:]
    var counts: [String: Int] = [:]
    var nextID = 0
  }

  private let state = Mutex(State())
  private let perAddressMax: Int
  private let exempt: [AddressBlock]

  /// - Parameters:
  ///   - perAddressMax: open connections from one address.
  ///   - exempt: proxies, which may have more.
  init(perAddressMax: Int, exempt: [AddressBlock]) {
    self.perAddressMax = perAddressMax
    self.exempt = exempt
  }

  /// Calls `body` once the client is gone, at once when it is already. Answers what stops waiting.
  func whenGone(
    _ channel: any Channel, _ body: @escaping @Sendable () -> Void
  ) -> @Sendable () -> Void {
    let id = ObjectIdentifier(channel)
    let number = state.withLock { state -> Int? in
      guard state.connections[id]?.isGone == false else { return nil }
      state.nextID += 1
      state.connections[id]?.waiting[state.nextID] = body
      return state.nextID
    }
    guard let number else {
      body()
      return {}
    }
    return { [self] in
      state.withLock { _ = $0.connections[id]?.waiting.removeValue(forKey: number) }
    }
  }

  /// Counts a connection in; false when its address has too many.
  func opened(_ channel: any Channel) -> Bool {
    let address = channel.remoteAddress?.ipAddress ?? ""
    let isExempt = exempt.contains { $0.contains(address) }
    return state.withLock { state in
      let count = (state.counts[address] ?? 0) + 1
      guard isExempt || count <= perAddressMax else { return false }
      state.counts[address] = count
      state.connections[ObjectIdentifier(channel)] = Connection(address: address)
      return true
    }
  }

  /// The client sent its last byte: nobody waits for answers any more.
  func gone(_ channel: any Channel) {
    let waiting = state.withLock { state -> [@Sendable () -> Void] in
      let id = ObjectIdentifier(channel)
      let waiting = state.connections[id]?.waiting.values.map { $0 } ?? []
      state.connections[id]?.isGone = true
      state.connections[id]?.waiting = [:]
      return waiting
    }
    for body in waiting { body() }
  }

  /// Counts a connection out.
  func closed(_ channel: any Channel) {
    gone(channel)
    state.withLock { state in
      guard let known = state.connections.removeValue(forKey: ObjectIdentifier(channel)) else {
        return
      }
      let count = (state.counts[known.address] ?? 1) - 1
      state.counts[known.address] = count > 0 ? count : nil
    }
  }

  /// Open connections, for tests.
  var count: Int { state.withLock { $0.connections.count } }
}

/// Tells the watch what happens to one connection.
final class ConnectionWatchHandler: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = Any
  typealias InboundOut = Any

  private let watch: ConnectionWatch

  init(_ watch: ConnectionWatch) {
    self.watch = watch
  }

  func handlerAdded(context: ChannelHandlerContext) {
    if !watch.opened(context.channel) { context.close(promise: nil) }
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    watch.closed(context.channel)
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case ChannelEvent.inputClosed? = event as? ChannelEvent { watch.gone(context.channel) }
    context.fireUserInboundEventTriggered(event)
  }

  func channelInactive(context: ChannelHandlerContext) {
    watch.closed(context.channel)
    context.fireChannelInactive()
  }
}
