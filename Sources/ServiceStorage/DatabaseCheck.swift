import Logging
import Postgres

/// Whether a service may work with the database it found: its schema is not older than the program,
/// what it confirms stays, whatever happens to the machine, and whose rows a call may see reaches all
/// of its nodes. A newer schema is fine: migrations only add until the last program that needs the
/// old form is gone.
struct DatabaseCheck: Table, Sendable {
  private static let durability = Statement<DurabilityRow>(
    """
    select current_setting('fsync'), current_setting('full_page_writes'),
      current_setting('synchronous_commit'), current_setting('data_checksums'),
      exists (select from pg_extension where extname = 'citus')
    """)
  static var statements: [any DescribedStatement] { [durability] }

  private let database: Database
  private let schema: String
  private let version: Int
  private let prologue: DatabaseSettings.PrologueForm
  private let mayForget: Bool
  private let logger: Logger

  /// - Parameters:
  ///   - database: connected as the service's role.
  ///   - schema: the service's schema, to be named.
  ///   - version: the oldest migration the program works on.
  ///   - prologue: how calls say whose rows they may see.
  ///   - mayForget: true for databases with nothing in them that is worth keeping.
  ///   - logger: told what is no reason to refuse, but worth changing.
  init(
    database: Database, schema: String, version: Int, prologue: DatabaseSettings.PrologueForm,
    mayForget: Bool, logger: Logger
  ) {
    self.database = database
    self.schema = schema
    self.version = version
    self.prologue = prologue
    self.mayForget = mayForget
    self.logger = logger
  }

  /// What is wrong, as a sentence for an operator; nil when nothing is. Throws while the database
  /// cannot be asked.
  func refusal() async throws(PostgresError) -> String? {
    let applied = try await database.schemaVersion()
    guard applied >= version else {
      return "the schema \(schema) is at migration \(applied), and this program needs \(version): "
        + "run `clientele migrate` first"
    }
    guard let settings = try await database.run(.none, Self.durability()).first else { return nil }
    guard !settings.isCitus || prologue == .setLocal else {
      return "the database is a Citus cluster's, whose nodes would not learn whose rows a call may "
        + "see: set CLIENTELE_DATABASE_PROLOGUE=\(DatabaseSettings.PrologueForm.setLocal.rawValue)"
    }
    if !settings.checksums {
      logger.warning("the database has no data checksums: damage on disk stays unnoticed")
    }
    guard !mayForget, !settings.off.isEmpty else { return nil }
    return "the database may forget what it has confirmed: set "
      + settings.off.map { "\($0) = on" }.joined(separator: ", ")
      + ", or CLIENTELE_DATABASE_MAY_FORGET=on where nothing is worth keeping"
  }
}

/// What PostgreSQL says of itself.
private struct DurabilityRow: PostgresRow {
  /// The settings that are off and must be on.
  let off: [String]
  let checksums: Bool
  let isCitus: Bool

  init(from columns: inout ColumnReader) throws(PostgresError) {
    var off: [String] = []
    for name in ["fsync", "full_page_writes", "synchronous_commit"] {
      if try columns.next(String.self) == "off" { off.append(name) }
    }
    self.off = off
    checksums = try columns.next(String.self) == "on"
    isCitus = try columns.next()
  }
}
