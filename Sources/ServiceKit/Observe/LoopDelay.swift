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

  /// That of the loops which channels share, and which carry HTTP.
  public static func ofProcess() async -> Duration {
    await longest(of: MultiThreadedEventLoopGroup.singleton)
  }
}
