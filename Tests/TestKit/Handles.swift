import Foundation

/// What this process holds open, to be compared before and after.
public struct Handles: Sendable, Hashable {
  /// Open file descriptors.
  public let descriptors: Int
  /// Threads of event loops and of pools; those that run tasks come and go.
  public let threads: Int

  /// What is open now.
  public static var now: Handles {
    Handles(
      descriptors: entries("/proc/self/fd").count,
      threads: entries("/proc/self/task").count { thread in
        let name = (try? String(contentsOfFile: "/proc/self/task/\(thread)/comm", encoding: .utf8))
        return name.map { $0.hasPrefix("NIO-") || $0.hasPrefix("postgres") } ?? false
      })
  }

  private static func entries(_ folder: String) -> [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
  }
}
