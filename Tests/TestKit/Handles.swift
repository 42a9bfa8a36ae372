import Foundation

#if canImport(Glibc)
  import Glibc
#endif

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
      threads: threads(named: "NIO-") + threads(named: "postgres"))
  }

  /// Threads whose name begins so; the system keeps 15 characters of it.
  public static func threads(named prefix: String) -> Int {
    entries("/proc/self/task").count { thread in
      let name = try? String(contentsOfFile: "/proc/self/task/\(thread)/comm", encoding: .utf8)
      return name?.hasPrefix(prefix) ?? false
    }
  }

  /// Whether each TCP socket at a local port, or connected to one, is kept from processes that are
  /// started.
  public static func socketsClosedOnExec(port: Int) -> [Bool] {
    entries("/proc/self/fd").compactMap(CInt.init).filter { descriptor in
      [getsockname, getpeername].contains { name in
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let asked = withUnsafeMutablePointer(to: &address) {
          $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { name(descriptor, $0, &length) }
        }
        return asked == 0 && address.sin_family == AF_INET
          && Int(UInt16(bigEndian: address.sin_port)) == port
      }
    }.map { fcntl($0, F_GETFD) & FD_CLOEXEC != 0 }
  }

  /// True when as much was added since as a leak of one in each of so many rounds comes to; what is
  /// made once, late, is none.
  public func exceeds(_ before: Handles, after rounds: Int) -> Bool {
    descriptors >= before.descriptors + rounds || threads >= before.threads + rounds
  }

  private static func entries(_ folder: String) -> [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
  }
}
