import ClientDirectoryCore
import Foundation
import ServiceStorage

extension VerifyReport {
  /// Opens every register number, when the key files are at hand.
  /// - Parameter files: reads them.
  mutating func checkFields(
    in database: ServiceDatabase, _ files: () throws -> FieldProtectionFiles,
    progress: (String) -> Void
  ) async throws {
    let found: FieldProtectionFiles
    do {
      found = try files()
    } catch {
      warnings.append("register numbers were not opened: \(error)")
      return
    }
    let check = try await database.within("client-directory") { database in
      try await KeyDesk(database: database, files: found).check { count in
        progress("client-directory: \(count) register numbers")
      }
    }
    progress("")
    checked["register numbers opened"] = Int64(check.whole)
    if check.destroyed > 0 {
      checked["register numbers without keys"] = Int64(check.destroyed)
    }
    violations += check.problems.map { AuditFinding(place: "register numbers", what: $0) }
    if check.broken > check.problems.count {
      violations.append(
        AuditFinding(place: "register numbers", what: "\(check.broken) are broken in all"))
    }
  }
}
