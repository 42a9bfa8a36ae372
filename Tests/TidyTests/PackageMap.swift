import Foundation

/// The targets of Package.swift, as `swift package dump-package` tells them.
struct PackageMap: Sendable {
  struct Target: Sendable, Hashable {
    let name: String
    let kind: String
    let folder: String
    let dependencies: Set<String>
  }

  let targets: [String: Target]

  init(_ targets: [Target]) {
    self.targets = Dictionary(
      targets.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
  }

  /// The target whose folder holds the file, the innermost when several do.
  func target(of path: String) -> Target? {
    targets.values.filter { path.hasPrefix($0.folder + "/") }.max {
      $0.folder.count < $1.folder.count
    }
  }

  /// Everything a target reaches through our own targets, itself not counted.
  func reach(of name: String) -> Set<String> {
    var seen: Set<String> = []
    var open = Array(targets[name]?.dependencies ?? [])
    while let next = open.popLast() {
      guard seen.insert(next).inserted else { continue }
      open.append(contentsOf: targets[next]?.dependencies ?? [])
    }
    return seen
  }

  // MARK: Services and whom they call

  /// Callees left of their callers; a call may only point to the left.
  static let order = ["Identity", "Organization", "ClientDirectory", "Messaging", "Gateway"]

  /// For each service the services whose API it may call, read from its dependencies.
  var calls: [String: Set<String>] {
    var calls: [String: Set<String>] = [:]
    for target in targets.values where target.folder.hasPrefix("services/") {
      guard target.name.hasSuffix("Core") else { continue }
      let room = String(target.name.dropLast("Core".count))
      let apis = target.dependencies.filter { $0.hasSuffix("API") && $0 != "CommonAPI" }
      calls[room] = Set(apis.map { String($0.dropLast("API".count)) }).subtracting([room])
    }
    return calls
  }

  /// `ClientDirectory` is the folder `client-directory` and the package `client_directory`.
  static func folder(of room: String) -> String {
    var folder = ""
    for character in room {
      if character.isUppercase, !folder.isEmpty { folder += "-" }
      folder += character.lowercased()
    }
    return folder
  }

  // MARK: Reading

  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  /// Read once for all tests.
  private static let checkout = Result { try PackageMap(dump: dump()) }

  static func current() throws -> PackageMap { try checkout.get() }

  /// A scratch path of its own: inside `swift test` the usual one is locked.
  private static func dump() throws -> Data {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["swift", "package", "dump-package", "--scratch-path", ".build-dump"]
    process.currentDirectoryURL = Repository.root
    process.standardInput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let data = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw Failure(description: "swift package dump-package: \(process.terminationStatus)")
    }
    return data
  }

  init(dump: Data) throws {
    guard let package = try JSONSerialization.jsonObject(with: dump) as? [String: Any],
      let targets = package["targets"] as? [[String: Any]]
    else { throw Failure(description: "dump-package answered something else than a package") }
    self.init(
      targets.compactMap { target in
        guard let name = target["name"] as? String, let kind = target["type"] as? String else {
          return nil
        }
        let dependencies = (target["dependencies"] as? [[String: Any]] ?? []).compactMap {
          ($0.values.first as? [Any])?.first as? String
        }
        let usual = kind == "test" ? "Tests/\(name)" : "Sources/\(name)"
        return Target(
          name: name, kind: kind, folder: target["path"] as? String ?? usual,
          dependencies: Set(dependencies))
      })
  }
}
