import Foundation

/// A place that breaks a rule, printed as compilers do, so that editors can jump to it.
struct Finding: Hashable, Comparable, CustomStringConvertible {
  let path: String
  /// Counted from one.
  let line: Int
  let message: String

  var description: String { "\(path):\(line): \(message)" }

  static func < (left: Finding, right: Finding) -> Bool {
    (left.path, left.line, left.message) < (right.path, right.line, right.message)
  }
}

/// One text file of the checkout, with its path from the root.
struct TextFile: Sendable {
  let path: String
  let lines: [String]

  init(path: String, text: String) {
    self.path = path
    lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
  }

  var name: String { path.split(separator: "/").last.map(String.init) ?? path }

  /// Written by the generator: nobody reads it for its shape.
  var isGenerated: Bool { path.contains("/Generated/") }

  var isTest: Bool { path.hasPrefix("Tests/") || path.contains("/Tests/") }

  /// This folder plants the very words it forbids.
  var isTidy: Bool { path.hasPrefix("Tests/TidyTests/") }

  func finding(_ index: Int, _ message: String) -> Finding {
    Finding(path: path, line: index + 1, message: message)
  }
}

/// The checkout as the rules see it.
struct Repository: Sendable {
  static let root = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// Read once for all tests.
  static let current = Repository(root: root)

  let texts: [TextFile]
  let swift: [SwiftFile]
  /// Every path below the root, folders included.
  let paths: Set<String>

  init(texts: [TextFile]) {
    self.texts = texts
    swift = texts.filter { $0.path.hasSuffix(".swift") }.map(SwiftFile.init)
    paths = Set(texts.map(\.path))
  }

  init(root: URL) {
    var texts: [TextFile] = []
    var paths: Set<String> = []
    for path in Self.walk(root) {
      paths.insert(path)
      guard Self.kinds.contains(where: path.hasSuffix) else { continue }
      guard let data = try? Data(contentsOf: root.appending(path: path)) else { continue }
      texts.append(TextFile(path: path, text: String(decoding: data, as: UTF8.self)))
    }
    self.texts = texts
    self.paths = paths
    swift = texts.filter { $0.path.hasSuffix(".swift") }.map(SwiftFile.init)
  }

  func texts(endingIn suffix: String, under folder: String = "") -> [TextFile] {
    texts.filter { $0.path.hasSuffix(suffix) && $0.path.hasPrefix(folder) }
  }

  private static let kinds = [
    ".swift", ".sql", ".proto", ".md", ".sh", ".yml", ".yaml", "Makefile", "Dockerfile", ".ci/run",
  ]

  /// Paths below the root, without build products, run data and version control.
  private static func walk(_ root: URL) -> [String] {
    var found: [String] = []
    var folders = [""]
    while let folder = folders.popLast() {
      let names =
        (try? FileManager.default.contentsOfDirectory(atPath: root.appending(path: folder).path))
        ?? []
      for name in names.sorted() {
        if name == ".git" || name == ".run" || name == ".venv" || name.hasPrefix(".build") {
          continue
        }
        let path = folder.isEmpty ? name : "\(folder)/\(name)"
        found.append(path)
        var isFolder: ObjCBool = false
        let full = root.appending(path: path).path
        if FileManager.default.fileExists(atPath: full, isDirectory: &isFolder), isFolder.boolValue
        {
          folders.append(path)
        }
      }
    }
    return found
  }
}
