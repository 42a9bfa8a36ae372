import Crypto
public import Foundation

/// A schema that a test's database is migrated to.
public struct TestSchema: Sendable, Hashable {
  /// The schema's name and its role's, `client_directory` for instance.
  public let name: String
  /// The folder of its migrations.
  public let directory: URL

  /// A schema with migrations of its own.
  public init(name: String, directory: URL) {
    self.name = name
    self.directory = directory
  }

  /// A service's schema by any spelling of its name.
  public init(service: String) {
    self.init(
      name: service.replacing("-", with: "_"),
      directory: Checkout.root.appending(
        path: "services/\(service.replacing("_", with: "-"))/migrations"))
  }

  /// The schema `sample` of the libraries' own tests, from SQL texts: 0001, 0002, …
  public static func sample(_ migrations: [String]) throws -> TestSchema {
    // Named by its contents, so that runs leave one folder and no more.
    let digest = SHA256.hash(data: Data(migrations.joined(separator: "\u{0}").utf8))
    let directory = Checkout.root.appending(
      path: ".build/test-schemas/\(digest.prefix(8).map(String.init).joined(separator: "-"))")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    for (index, sql) in migrations.enumerated() {
      let number = String(repeating: "0", count: 4 - String(index + 1).count) + "\(index + 1)"
      try Data(sql.utf8).write(
        to: directory.appending(path: "\(number)_sample.sql"), options: .atomic)
    }
    return TestSchema(name: "sample", directory: directory)
  }

  /// The texts of its files, to tell one state of the migrations from another.
  func contents() throws -> [Data] {
    try FileManager.default.contentsOfDirectory(atPath: directory.path)
      .filter { $0.hasSuffix(".sql") }.sorted()
      .map { Data($0.utf8) + (try Data(contentsOf: directory.appending(path: $0))) }
  }
}

/// Where the sources are.
public enum Checkout {
  /// The package's folder.
  public static let root = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
}
