public import NIOCore
import NIOPosix

/// How long event loops take to turn.
public enum LoopDelay {
  /// The longest time that a hop to a loop of the group and back takes.
  public static func longest(of group: any EventLoopGroup) async -> Duration {
    var longest = Duration.zero
    for loop in group.makeIterator() {
      let started = ContinuousClock.now
      _ = try? await loop.submit {}.get()
      longest = max(longest, started.duration(to: .now))
    }
    return longest
  }

  /// Tells that of the loops which channels share, and which carry HTTP. They are made here, at a
  /// process's start: NIO ends a process that has no thread left for them, and a probe must not.
  public static func ofProcess() -> @Sendable () async -> Duration {
    let loops = MultiThreadedEventLoopGroup.singleton
    return { await longest(of: loops) }
  }
}
