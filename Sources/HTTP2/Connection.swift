public import NIOCore

/// Who owns the streams of a connection.
public protocol ConnectionDelegate: AnyObject, SessionEvents {
  /// The connection may be used.
  func connectionOpened()
  /// Something that other handlers in the channel tell, such as a finished TLS handshake.
  func connectionEvent(_ event: Any)
  /// The peer left something half done: a block of headers, or bytes it should take. The delegate
  /// looks again later, by `insideHeadersSince` and `stuckSince`.
  func connectionStalled()
  /// All that one read brought has been told.
  func readEnded()
  /// What the peer could take of what waited was handed to the socket.
  func connectionSent()
  /// The connection is gone; `streamClosed` was called for every stream before.
  func connectionClosed(_ reason: String?)
}

extension ConnectionDelegate {
  /// Does nothing.
  public func readEnded() {}
  /// Does nothing.
  public func connectionSent() {}
}

/// The handler at the end of a channel that drives a session: one for a connection, none for a
/// stream. All output of a turn leaves in one write.
///
/// Safety: every property is touched on the channel's event loop only; `flushSoon` and the C
/// session behind it are called there, which debug builds assert.
public final class Connection: ChannelInboundHandler, @unchecked Sendable {
  /// What the socket gives.
  public typealias InboundIn = ByteBuffer
  /// What the socket takes.
  public typealias OutboundOut = ByteBuffer

  /// The HTTP/2 state.
  public let session: Session
  /// When bytes arrived last, in nanoseconds of `NIODeadline`.
  public var lastReadAt: Int64 { readAt }
  /// When bytes arrived before that: what came last has lain in the socket since then at most.
  public var previousReadAt: Int64 { readBefore }
  /// Since when the socket takes nothing; nil while it does.
  public private(set) var stuckSince: Int64?

  private var delegate: (any ConnectionDelegate)?
  private var context: ChannelHandlerContext?
  /// Not checked for exclusivity: filled and handed over within one function, on one thread.
  @exclusivity(unchecked) private var outbound = ByteBuffer()
  @exclusivity(unchecked) private var pieces = TurnBytes()
  // Every call asks when it was read.
  @exclusivity(unchecked) private var readAt: Int64 = 0
  @exclusivity(unchecked) private var readBefore: Int64 = 0
  private var isReading = false
  private var isPumping = false
  private var isPumpScheduled = false
  private var needsPump = false
  private var isBroken = false
  private var isOpen = false
  private var reason: String?

  /// No more than this is handed to the socket in one piece.
  private static let pieceBytes = 64 << 10
  /// What a connection without streams may keep of that.
  private static let keptBytes = 4 << 10

  /// A connection over a channel that the handler is about to be added to.
  public init(session: Session, delegate: any ConnectionDelegate) {
    self.session = session
    self.delegate = delegate
  }

  // MARK: Commands

  /// Sends what was submitted: at the end of the turn when one is running, else in the next.
  public func flushSoon() {
    context?.eventLoop.assertInEventLoop()
    needsPump = true
    guard !isReading, !isPumping, !isPumpScheduled, let context else { return }
    isPumpScheduled = true
    context.eventLoop.execute {
      self.isPumpScheduled = false
      self.pump()
    }
  }

  /// Closes at once, without a word to the peer; what still arrives is not read.
  public func close(_ reason: String) {
    self.reason = self.reason ?? reason
    isBroken = true
    context?.close(promise: nil)
  }

  /// Gives back what earlier turns took, if the connection has no streams now.
  public func rest() {
    guard session.openStreams == 0, !isReading, !isPumping else { return }
    if outbound.storageCapacity > Self.keptBytes { outbound = ByteBuffer() }
    if pieces.capacity > Self.keptBytes { pieces = TurnBytes() }
    session.rest()
  }

  // MARK: Channel

  /// Called by the channel.
  public func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    if context.channel.isActive { open() }
  }

  /// Called by the channel.
  public func handlerRemoved(context: ChannelHandlerContext) {
    lost()
    self.context = nil
  }

  /// Called by the channel.
  public func channelActive(context: ChannelHandlerContext) {
    open()
    context.fireChannelActive()
  }

  /// Called by the channel.
  public func channelInactive(context: ChannelHandlerContext) {
    lost()
    context.fireChannelInactive()
  }

  /// Called by the channel.
  public func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard let delegate, !isBroken else { return }
    let buffer = unwrapInboundIn(data)
    // Several pieces read in a row have lain there for equally long.
    if !isReading { readBefore = readAt }
    isReading = true
    readAt = Self.now
    do {
      try buffer.withUnsafeReadableBytes { try session.receive($0, now: readAt) }
    } catch {
      breakOff(error)
    }
    session.drainEvents(to: delegate)
    delegate.readEnded()
  }

  /// Called by the channel.
  public func channelReadComplete(context: ChannelHandlerContext) {
    isReading = false
    pump()
    if session.insideHeadersSince != nil { delegate?.connectionStalled() }
    context.fireChannelReadComplete()
  }

  /// Called by the channel.
  public func channelWritabilityChanged(context: ChannelHandlerContext) {
    if context.channel.isWritable {
      stuckSince = nil
      if !isReading { pump() }
    } else {
      stuckSince = stuckSince ?? Self.now
      delegate?.connectionStalled()
    }
    context.fireChannelWritabilityChanged()
  }

  /// Called by the channel.
  public func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    delegate?.connectionEvent(event)
    context.fireUserInboundEventTriggered(event)
  }

  /// Called by the channel.
  public func errorCaught(context: ChannelHandlerContext, error: any Error) {
    reason = reason ?? "\(error)"
    context.close(promise: nil)
  }

  // MARK: Turns

  private static var now: Int64 { Int64(clamping: NIODeadline.now().uptimeNanoseconds) }

  private func open() {
    guard !isOpen else { return }
    isOpen = true
    readAt = Self.now
    delegate?.connectionOpened()
    needsPump = true
    pump()
  }

  /// True once the channel is gone: what is submitted from then on is never sent.
  public var isLost: Bool { delegate == nil }

  private func lost() {
    guard let delegate else { return }
    self.delegate = nil
    session.abandonStreams()
    session.drainEvents(to: delegate)
    delegate.connectionClosed(reason)
  }

  private func breakOff(_ error: any Error) {
    isBroken = true
    reason = reason ?? "\(error)"
  }

  /// Sends all there is to send, for as long as the socket takes it.
  private func pump() {
    guard let context, delegate != nil, !isPumping, context.channel.isActive else { return }
    isPumping = true
    repeat {
      needsPump = !sendPiece(context)
      if let delegate { session.drainEvents(to: delegate) }
    } while needsPump && !isBroken && context.channel.isWritable && delegate != nil
    isPumping = false
    delegate?.connectionSent()
    if isBroken || !session.isAlive { context.close(promise: nil) }
  }

  /// Returns true when nothing is left to send.
  private func sendPiece(_ context: ChannelHandlerContext) -> Bool {
    guard context.channel.isWritable else { return false }
    pieces.removeAll()
    var isDone = true
    do {
      isDone = try session.send(limit: Self.pieceBytes, now: readAt) { pieces.append($0) }
    } catch {
      breakOff(error)
    }
    if pieces.count > 0 {
      outbound.clear()
      pieces.withUnsafeBytes { _ = outbound.writeBytes($0) }
      context.writeAndFlush(wrapOutboundOut(outbound), promise: nil)
    }
    return isDone
  }
}
