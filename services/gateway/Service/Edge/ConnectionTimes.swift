import HTTPTypes
import NIOCore
import NIOHTTPTypes

/// Closes a connection whose client takes too long: to end the headers it began, to take an answer,
/// or to say anything at all. What a call may take is not its business.
final class ConnectionTimes: ChannelDuplexHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPRequestPart
  typealias InboundOut = HTTPRequestPart
  typealias OutboundIn = HTTPResponsePart
  typealias OutboundOut = HTTPResponsePart

  private let settings: GatewaySettings
  private let bounds: GatewayBounds
  /// Bytes of a request came and made no head yet.
  private var isInHead = false
  private var isInBody = false
  /// Requests whose answer has not been written to its end.
  private var answering = 0
  private var hadPart = false

  /// What the client keeps waiting for, and since when.
  private var awaited: GatewayBound?
  private var since = NIODeadline.now()
  private var timer: Scheduled<Void>?
  private var due = NIODeadline.distantFuture

  init(_ settings: GatewaySettings, _ bounds: GatewayBounds) {
    self.settings = settings
    self.bounds = bounds
  }

  // MARK: What happens

  func handlerAdded(context: ChannelHandlerContext) {
    if context.channel.isActive { look(context) }
  }

  /// Never for a connection that was refused when it was opened.
  func channelActive(context: ChannelHandlerContext) {
    look(context)
    context.fireChannelActive()
  }

  func handlerRemoved(context: ChannelHandlerContext) { timer?.cancel() }

  func channelInactive(context: ChannelHandlerContext) {
    timer?.cancel()
    context.fireChannelInactive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    hadPart = true
    switch unwrapInboundIn(data) {
    case .head:
      isInHead = false
      isInBody = true
      answering += 1
    case .body: break
    case .end: isInBody = false
    }
    look(context, afterSign: true)
    context.fireChannelRead(data)
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    if !hadPart, !isInBody { isInHead = true }
    hadPart = false
    look(context)
    context.fireChannelReadComplete()
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    if case .end = unwrapOutboundIn(data) { answering -= 1 }
    context.write(data, promise: promise)
    look(context, afterSign: true)
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    look(context)
    context.fireChannelWritabilityChanged()
  }

  // MARK: Waiting

  private func awaited(_ context: ChannelHandlerContext) -> GatewayBound? {
    if !context.channel.isWritable { return .writeIdleTime }
    if answering > 0, !isInBody { return nil }
    return isInHead ? .headerTime : .idleTime
  }

  private func time(_ bound: GatewayBound) -> TimeAmount {
    switch bound {
    case .writeIdleTime: TimeAmount(settings.writeIdleTimeout)
    case .headerTime: TimeAmount(settings.headerTimeout)
    default: TimeAmount(settings.idleTimeout)
    }
  }

  /// Finds out what is waited for. Whole parts are signs of life for who is idle; bytes of headers
  /// that do not end are none.
  private func look(_ context: ChannelHandlerContext, afterSign: Bool = false) {
    let next = awaited(context)
    if next != awaited || (afterSign && next == .idleTime) { since = .now() }
    awaited = next
    guard let next else { return }
    let end = since + time(next)
    // An earlier timer looks again when it fires.
    if timer == nil || end < due { arm(context, at: end) }
  }

  private func arm(_ context: ChannelHandlerContext, at end: NIODeadline) {
    timer?.cancel()
    due = end
    timer = context.eventLoop.assumeIsolated().scheduleTask(deadline: end) { [self] in
      timer = nil
      guard let awaited else { return }
      let end = since + time(awaited)
      guard end <= .now() else { return arm(context, at: end) }
      bounds.add(awaited)
      context.close(promise: nil)
    }
  }
}
