import Crypto
import FoundationEssentials

/// One numbered SQL file.
struct MigrationFile: Sendable, Hashable {
  /// From 1 up, without a gap.
  let version: Int
  /// `0001_accounts.sql`.
  let name: String
  let sql: String
  /// SHA-256 of the text, in hexadecimal.
  let checksum: String

  /// A first line that says the file's one statement cannot run in a transaction.
  static let outsideMark = "-- clientele: no transaction"

  /// A first line that says the file's one statement changes a batch of rows and answers how many
  /// they were: it runs again, each time in a transaction of its own, until there are none. Its one
  /// `LIMIT` says how many rows a batch has at most.
  static let batchMark = "-- clientele: in batches"

  /// What a file in batches runs; nil for any other file.
  let batch: MigrationBatch?

  var runsOutsideTransaction: Bool { sql.hasPrefix(Self.outsideMark) }

  /// What runs in a transaction: the text without a lock_timeout of its own, which is the runner's
  /// to choose. Files of before say two seconds.
  var script: String {
    sql.split(separator: "\n", omittingEmptySubsequences: false)
      .filter { !$0.lowercased().hasPrefix("set local lock_timeout") }
      .joined(separator: "\n")
  }

  /// The same for Citus, which refuses grants by column on its tables: they stay the coordinator's own
  /// affair, and `CitusGrants` brings them to the nodes.
  var scriptForCitus: String {
    script.replacing(/(?im)^(?:grant|revoke)\s[^;(]*\([^;]*?\)\s+on\s[^;]*;/) { grant in
      """
      SET LOCAL citus.enable_ddl_propagation = off;
      \(grant.output)
      SET LOCAL citus.enable_ddl_propagation = on;
      """
    }
  }

  init(version: Int, name: String, sql: String) {
    self.version = version
    self.name = name
    self.sql = sql
    batch = sql.hasPrefix(Self.batchMark) ? MigrationBatch(sql) : nil
    checksum = Self.hexadecimal(SHA256.hash(data: [UInt8](sql.utf8)))
  }

  static func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { byte in
      let digits = String(byte, radix: 16)
      return digits.count == 1 ? "0" + digits : digits
    }.joined()
  }

  /// The files of a folder, in order.
  /// - Throws: `MigrationError` when a name is malformed or a number is missing or double.
  static func all(in directory: String) throws -> [MigrationFile] {
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: directory)
    } catch {
      throw MigrationError.unreadable(path: directory)
    }
    var files: [MigrationFile] = []
    for name in names.sorted() where name.hasSuffix(".sql") {
      guard let version = version(of: name) else { throw MigrationError.malformedName(name) }
      guard version == files.count + 1 else {
        throw MigrationError.gap(expected: files.count + 1, found: name)
      }
      let path = directory + "/" + name
      guard let data = FileManager.default.contents(atPath: path) else {
        throw MigrationError.unreadable(path: path)
      }
      let file = MigrationFile(
        version: version, name: name, sql: String(decoding: data, as: UTF8.self))
      guard file.batch != nil || !file.sql.hasPrefix(batchMark) else {
        throw MigrationError.unlimited(name)
      }
      files.append(file)
    }
    return files
  }

  /// The number of `NNNN_lower_snake.sql`.
  private static func version(of name: String) -> Int? {
    let stem = name.dropLast(4)
    let parts = stem.split(separator: "_", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, parts[0].utf8.count == 4, !parts[1].isEmpty,
      parts[0].utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
      parts[1].utf8.allSatisfy({ byte in
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
          || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "_")
      })
    else { return nil }
    return Int(parts[0])
  }
}

/// Why a schema was not migrated.
public enum MigrationError: Error, Sendable, Hashable, CustomStringConvertible {
  /// A folder or file that cannot be read.
  case unreadable(path: String)
  /// A file that is not called `NNNN_lower_snake.sql`.
  case malformedName(String)
  /// A number that is missing or double.
  case gap(expected: Int, found: String)
  /// A file that was edited after it had been applied.
  case edited(String)
  /// A file in batches without the one `LIMIT` that says how many rows a batch has at most.
  case unlimited(String)
  /// A schema whose name is not lower snake case.
  case malformedSchema(String)
  /// PostgreSQL refused a file; nothing of it was kept.
  case failed(String, PostgresError)

  /// What happened and what to do.
  public var description: String {
    switch self {
    case .unreadable(let path): "cannot read \(path)"
    case .malformedName(let name): "\(name) is not called NNNN_lower_snake.sql"
    case .gap(let expected, let found): "migration \(expected) is missing before \(found)"
    case .edited(let name): "\(name) was edited after it was applied; add a new file instead"
    case .unlimited(let name): "\(name) runs in batches and needs one LIMIT with a number"
    case .malformedSchema(let schema): "\(schema) is no schema's name"
    case .failed(let name, let error): "\(name) failed: \(error)"
    }
  }
}
