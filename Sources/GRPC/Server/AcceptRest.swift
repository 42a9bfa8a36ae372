package import NIOCore

#if canImport(Glibc)
  import Glibc
#endif

/// Lets a listening socket rest while the process has next to no file descriptor left; connections
/// wait with the kernel meanwhile.
///
/// It stops before the last one: libdispatch, which carries Swift's tasks, ends the process when it
/// cannot open the state of its threads, once a second, and a timer of it that gets no descriptor
/// never fires. And an accept that failed would be tried again and again, for its connection still
/// waits: NIO's own `AcceptBackoffHandler` holds the next read back, but a socket whose first accept
/// fails stays registered for reading, and goes on.
package final class AcceptRest: ChannelInboundHandler {
  /// What a listening socket gives.
  package typealias InboundIn = any Channel

  private static let rest = TimeAmount.milliseconds(100)
  private let kept: Int
  private let onRest: () -> Void
  private var isResting = false

  /// - Parameters:
  ///   - kept: the descriptors that connections leave free, at most a quarter of the process's limit.
  ///   - onRest: called when the socket begins to rest.
  package init(keeping kept: Int, onRest: @escaping () -> Void = {}) {
    self.kept = kept
    self.onRest = onRest
  }

  /// Called by the channel.
  package func channelReadComplete(context: ChannelHandlerContext) {
    if isFull(context.channel) { begin(context.channel) }
    context.fireChannelReadComplete()
  }

  /// Called by the channel.
  package func errorCaught(context: ChannelHandlerContext, error: any Error) {
    // The peer itself may have gone.
    guard let error = error as? IOError, error.errnoCode != ECONNABORTED else { return }
    begin(context.channel)
  }

  private func begin(_ channel: any Channel) {
    guard !isResting else { return }
    isResting = true
    onRest()
    try? channel.syncOptions?.setOption(.autoRead, value: false)
    wait(channel)
  }

  private func wait(_ channel: any Channel) {
    channel.eventLoop.assumeIsolated().scheduleTask(in: Self.rest) {
      guard channel.isActive else { return }
      if self.isFull(channel) { return self.wait(channel) }
      self.isResting = false
      try? channel.syncOptions?.setOption(.autoRead, value: true)
    }
  }

  /// Whether no more are free than are kept. The system gives the lowest number that is free, so a
  /// number tells how many are taken.
  private func isFull(_ channel: any Channel) -> Bool {
    let next = try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(
      of: NIOBSDSocket.Handle.self
    ) { fcntl($0, F_DUPFD_CLOEXEC, 0) }
    guard let next else { return false }
    guard next >= 0 else { return true }
    close(next)
    return Int(next) >= OpenFileLimit.leaving(kept)
  }
}
