package import NIOCore

#if canImport(Glibc)
  import Glibc
#endif

/// Lets a listening socket rest for a moment after an accept that failed, as all do while the process
/// has no file descriptor left: the connection that could not be had still waits, and the loop would
/// ask for it again and again.
///
/// NIO's own `AcceptBackoffHandler` holds the next read back, but a socket whose first accept fails
/// stays registered for reading, and goes on.
package final class AcceptRest: ChannelInboundHandler {
  /// What a listening socket gives.
  package typealias InboundIn = any Channel

  private static let rest = TimeAmount.milliseconds(100)
  private let onFailure: () -> Void

  /// - Parameter onFailure: called at each failed accept.
  package init(onFailure: @escaping () -> Void = {}) { self.onFailure = onFailure }

  /// Called by the channel.
  package func errorCaught(context: ChannelHandlerContext, error: any Error) {
    // The peer itself may have gone.
    guard let error = error as? IOError, error.errnoCode != ECONNABORTED else { return }
    onFailure()
    let channel = context.channel
    try? channel.syncOptions?.setOption(.autoRead, value: false)
    context.eventLoop.scheduleTask(in: Self.rest) {
      try? channel.syncOptions?.setOption(.autoRead, value: true)
    }
  }
}
