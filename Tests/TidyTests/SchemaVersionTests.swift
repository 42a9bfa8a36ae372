import Testing

/// A service refuses a schema without its newest migration; so it must know which one that is.
@Suite struct SchemaVersionTests {
  @Test("each service names its newest migration")
  func newest() {
    let repository = Repository.current
    let migrations = repository.texts(endingIn: ".sql", under: "services/").filter {
      $0.path.contains("/migrations/")
    }
    let newest = Dictionary(
      migrations.map { (String($0.path.split(separator: "/")[1]), Int($0.name.prefix(4)) ?? 0) },
      uniquingKeysWith: max)
    #expect(newest.count == 4)
    for (service, version) in newest.sorted(by: { $0.key < $1.key }) {
      let storage = "services/\(service)/Service/Storage/"
      let lines: [String] = repository.texts(endingIn: ".swift", under: storage).flatMap(\.lines)
      let named = lines.filter { $0.contains("static let schemaVersion = ") }
      #expect(
        named.count == 1 && named.allSatisfy { $0.hasSuffix(" = \(version)") },
        "services/\(service): schemaVersion must be \(version), the newest migration: \(named)")
    }
  }
}
