import Foundation
import TestKit
import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// A process that crashes leaves nothing of its memory behind, unless it is allowed to (R30). What
/// crashes leave of secrets in logs is searched for at the end of `ProbeTests`.
@Suite(.serialized, .timeLimit(.minutes(10))) struct CoreFileTests {
  @Test("where core files are allowed a crash leaves one, with what the process knew")
  func allowed() async throws {
    Cores.letChildrenLeaveThem()
    try await withStack(environment: [
      "CLIENTELE_CORE_FILES": "on", "SWIFT_BACKTRACE": "enable=no",
    ]) { stack in
      let left = try await Cores.left {
        try await stack.crash(process: "gateway", with: SIGABRT, within: KillTests.backWithin)
      }
      // Where crashes are handed to a program, or files of any size are forbidden, there is none.
      guard Cores.areFiles else { return }
      #expect(left.count == 1)
      let known = Data(stack.directory.path.utf8)
      #expect(left.allSatisfy { $0.firstRange(of: known) != nil })
    }
  }
}

/// Files that crashes leave where the tests run.
enum Cores {
  /// Whether the system writes a file where the process was, for those who may leave one.
  static let areFiles =
    (try? String(contentsOfFile: "/proc/sys/kernel/core_pattern", encoding: .utf8))?
    .hasPrefix("core") == true && hardLimit > 0

  private static var hardLimit: rlim_t {
    var limit = rlimit()
    getrlimit(resource, &limit)
    return limit.rlim_max
  }

  private static let resource = __rlimit_resource_t(RLIMIT_CORE.rawValue)

  /// Programs that are started from here on inherit the highest limit there is.
  static func letChildrenLeaveThem() {
    var limit = rlimit(rlim_cur: hardLimit, rlim_max: hardLimit)
    setrlimit(resource, &limit)
  }

  /// What is left after the body, and removed.
  static func left(after body: () async throws -> Void) async throws -> [Data] {
    let before = try names()
    try await body()
    return try names().subtracting(before).map { name in
      let file = Checkout.root.appending(path: name)
      defer { try? FileManager.default.removeItem(at: file) }
      return try Data(contentsOf: file, options: .mappedIfSafe)
    }
  }

  private static func names() throws -> Set<String> {
    let names = try FileManager.default.contentsOfDirectory(atPath: Checkout.root.path)
    return Set(names.filter { $0.hasPrefix("core") })
  }
}

extension Stack {
  /// Has a process of each program crash, as a trap would have it. A backtracer tells of a signal that
  /// no instruction caused, or gets stuck; another then ends the process, one that it does not take.
  nonisolated func crashPrograms() async throws {
    for service in DevNames.services + ["gateway"] {
      guard let old = try processes()[service] else { continue }
      let log = directory.appending(path: "logs/\(service).log")
      Glibc.kill(old, SIGSEGV)
      try? await wait("\(service) has crashed", within: .seconds(30)) {
        let said = try Data(contentsOf: log)
        return Glibc.kill(old, 0) != 0 || said.firstRange(of: Data("Backtrace took".utf8)) != nil
      }
      Glibc.kill(old, SIGXCPU)
      _ = try await successor(of: old, service, within: KillTests.backWithin)
    }
  }

  /// The most bytes that each process may leave behind, by its name.
  nonisolated func coreBytesMax() throws -> [String: String] {
    try processes().mapValues { id in
      let limits = try String(contentsOfFile: "/proc/\(id)/limits", encoding: .utf8)
      let line = limits.split(separator: "\n").first { $0.hasPrefix("Max core file size") }
      return line?.split(separator: " ").dropFirst(4).first.map(String.init) ?? ""
    }
  }
}
