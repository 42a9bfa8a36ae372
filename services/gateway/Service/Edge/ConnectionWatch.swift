import GRPC
import NIOCore
import NIOHTTP1
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
  private let max: Int
  private let perAddressMax: Int
  private let descriptorsKept: Int
  private let exempt: [AddressBlock]

  /// - Parameters:
  ///   - max: open connections.
  ///   - perAddressMax: open connections from one address, at most half of those that the process
  ///     may have by its limit of open files.
  ///   - descriptorsKept: descriptors that connections leave free.
  ///   - exempt: proxies, which may have as many as there may be.
  init(max: Int, perAddressMax: Int, descriptorsKept: Int, exempt: [AddressBlock]) {
    self.max = max
    self.perAddressMax = perAddressMax
    self.descriptorsKept = descriptorsKept
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

  /// Counts a connection in; otherwise says of what there are too many.
  func opened(_ channel: any Channel) -> GatewayBound? {
    let address = channel.remoteAddress?.ipAddress ?? ""
    let isExempt = exempt.contains { $0.contains(address) }
    let perAddressMax = OpenFileLimit.connectionsPerAddress(
      perAddressMax, keeping: descriptorsKept)
    return state.withLock { state in
      guard state.connections.count < max else { return .connections }
      let count = (state.counts[address] ?? 0) + 1
      guard isExempt || count <= perAddressMax else { return .connectionsPerAddress }
      state.counts[address] = count
      state.connections[ObjectIdentifier(channel)] = Connection(address: address)
      return nil
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

  /// Open connections.
  var count: Int { state.withLock { $0.connections.count } }
}

/// Tells the watch what happens to one connection, and counts why it is refused.
final class ConnectionWatchHandler: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = Any
  typealias InboundOut = Any

  private let watch: ConnectionWatch
  private let bounds: GatewayBounds

  init(_ watch: ConnectionWatch, _ bounds: GatewayBounds) {
    self.watch = watch
    self.bounds = bounds
  }

  func handlerAdded(context: ChannelHandlerContext) {
    guard let bound = watch.opened(context.channel) else { return }
    bounds.add(bound)
    context.close(promise: nil)
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

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    if case HTTPParserError.headerOverflow = error { bounds.add(.headerOverflow) }
    context.fireErrorCaught(error)
  }
}
