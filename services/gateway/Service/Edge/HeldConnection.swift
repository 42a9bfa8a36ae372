import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTPTypes

/// An accepted connection, whether or not anybody comes to serve it.
///
/// A server that stops drops what it has accepted and not begun to serve, and NIO ends a process that
/// drops a `NIOAsyncChannel` whose writer is not finished. So what is dropped is closed first, and kept
/// until it is.
final class HeldConnection: ServerChildChannelValue {
  fileprivate let inner: HTTP1Channel.Value

  var channel: any Channel { inner.channel }

  fileprivate init(_ inner: HTTP1Channel.Value) { self.inner = inner }

  deinit {
    let inner = inner
    inner.channel.closeFuture.whenComplete { _ in withExtendedLifetime(inner) {} }
    inner.channel.close(promise: nil)
  }
}

/// HTTP/1.1 on connections that may be dropped at any moment.
struct HeldHTTP1Channel: ServerChildChannel {
  let base: HTTP1Channel

  func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<HeldConnection> {
    base.setup(channel: channel, logger: logger).map { HeldConnection($0) }
  }

  func handle(value: HeldConnection, logger: Logger) async {
    await base.handle(value: value.inner, logger: logger)
  }
}
