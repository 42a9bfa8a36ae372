import Foundation

/// Where a test ran.
struct Machine: Codable, Sendable {
  var cpu: String
  var cores: Int
  var memoryGiB: Double
  var system: String
  /// Of the checkout the test was started in; nil outside one.
  var commit: String?
  /// Whether the generator was built with optimisation.
  var build: String

  static func current() -> Machine {
    let information = ProcessInfo.processInfo
    var isOptimised = true
    assert({ isOptimised = false }() == ())
    return Machine(
      cpu: field("model name", of: "/proc/cpuinfo") ?? "unknown",
      cores: information.activeProcessorCount,
      memoryGiB: (Double(information.physicalMemory) / 1_073_741_824 * 10).rounded() / 10,
      system: information.operatingSystemVersionString, commit: commit(),
      build: isOptimised ? "release" : "debug")
  }

  private static func field(_ name: String, of path: String) -> String? {
    guard let data = FileManager.default.contents(atPath: path) else { return nil }
    let line = String(decoding: data, as: UTF8.self).split(separator: "\n").first {
      $0.hasPrefix(name)
    }
    return line?.split(separator: ":", maxSplits: 1).last?.trimmingCharacters(in: .whitespaces)
  }

  /// `git describe --always --dirty`.
  private static func commit() -> String? {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["git", "describe", "--always", "--dirty", "--exclude", "*"]
    let output = Pipe()
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    process.standardInput = FileHandle.nullDevice
    guard (try? process.run()) != nil else { return nil }
    let data = (try? output.fileHandleForReading.readToEnd()) ?? nil
    process.waitUntilExit()
    guard process.terminationStatus == 0, let data else { return nil }
    let text = String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    return text.isEmpty ? nil : text
  }
}
