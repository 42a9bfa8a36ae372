import FieldProtection
import Foundation
import Testing

@Suite struct OrganizationSecretsTests {
  /// A folder of its own, removed afterwards.
  private func withFolder(
    mode: Int = 0o700, _ body: (String) async throws -> Void
  ) async throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString).path
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: mode])
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try await body(folder)
  }

  @Test("a secret is made once, also by many at a time, and is nobody else's to read")
  func makes() async throws {
    try await withFolder { folder in
      let secrets = try OrganizationSecrets(folder: folder)
      let organization = UUID()
      #expect(try secrets.secret(of: organization) == nil)
      let made = try await withThrowingTaskGroup(of: [UInt8].self) { group in
        for _ in 0..<16 { group.addTask { try await secrets.make(for: organization) } }
        return try await group.reduce(into: Set<[UInt8]>()) { $0.insert($1) }
      }
      #expect(made.count == 1)
      #expect(made.first?.count == 32)
      #expect(try secrets.secret(of: organization) == made.first)
      #expect(try await secrets.make(for: UUID()) != made.first)
      let files = try FileManager.default.contentsOfDirectory(atPath: folder)
      #expect(files.count == 2)
      for file in files {
        let attributes = try FileManager.default.attributesOfItem(atPath: "\(folder)/\(file)")
        #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o600)
      }
    }
  }

  @Test("a destroyed secret is gone, and destroying it again says so")
  func destroys() async throws {
    try await withFolder { folder in
      let secrets = try OrganizationSecrets(folder: folder)
      let organization = UUID()
      _ = try await secrets.make(for: organization)
      #expect(try secrets.destroy(of: organization))
      #expect(try secrets.secret(of: organization) == nil)
      #expect(try secrets.destroy(of: organization) == false)
    }
  }

  @Test("a folder that is missing or open to others is refused, a damaged file too")
  func refuses() async throws {
    #expect(throws: ProtectionFailure.self) { try OrganizationSecrets(folder: "/nowhere") }
    try await withFolder(mode: 0o755) { folder in
      #expect(throws: ProtectionFailure.self) { try OrganizationSecrets(folder: folder) }
    }
    try await withFolder { folder in
      let secrets = try OrganizationSecrets(folder: folder)
      let organization = UUID()
      _ = try await secrets.make(for: organization)
      let path = "\(folder)/\(organization.uuidString.lowercased()).secret"
      try Data([1, 2, 3]).write(to: URL(fileURLWithPath: path))
      #expect(throws: ProtectionFailure.self) { try secrets.secret(of: organization) }
    }
  }
}
