import NIOCore

/// What the connections of one event loop share.
///
/// Safety: what is not constant is touched on the event loop only.
final class ServerLoop: @unchecked Sendable {
  let loop: any EventLoop
  let executor: LoopExecutor
  let counters: CallCounters

  init(_ loop: any EventLoop, methods: Int) {
    self.loop = loop
    executor = LoopExecutor(loop)
    counters = CallCounters(methods: methods)
  }
}
