import Crypto
import Foundation
public import Logging
public import Postgres
import Synchronization

/// A database of one test's own.
public struct TestDatabase: Sendable {
  /// Its name in the cluster.
  public let name: String
  /// The schema its service's roles are named after.
  public let schema: String
  private let cluster: String
  private let pools = Pools()

  private final class Pools: Sendable {
    let open = Mutex<[Database]>([])
  }

  fileprivate init(name: String, schema: String, cluster: String) {
    self.name = name
    self.schema = schema
    self.cluster = cluster
  }

  /// A libpq connection string.
  /// - Parameter role: nil for the service's own, or such as `identity_worker` or `postgres`.
  public func connection(role: String? = nil) -> String {
    "\(cluster) dbname=\(name) user=\(role ?? schema)"
  }

  /// A running pool; it is closed with the test.
  /// - Parameters:
  ///   - role: as for `connection`.
  ///   - settings: what to change.
  public func database(
    role: String? = nil, settings change: (inout DatabaseSettings) -> Void = { _ in },
    logger: Logger? = nil
  ) throws -> Database {
    var settings = try Self.settings(connection: connection(role: role))
    change(&settings)
    let database = Database(settings: settings, logger: logger ?? Self.quiet)
    try database.start()
    pools.open.withLock { $0.append(database) }
    return database
  }

  /// Settings that fit tests.
  /// - Parameter connection: as `connection` answers it, here or in a process of the test's own.
  public static func settings(connection: String) throws -> DatabaseSettings {
    var settings = DatabaseSettings(connection: connection)
    settings.connectionsMax = 8
    // Tests run beside each other on machines that are busy with them.
    settings.callTimeout = .seconds(30).patient
    settings.queueWait = .seconds(20).patient
    settings.connectTimeout = .seconds(20).patient
    settings.prologue = try prologue()
    return settings
  }

  /// `CLIENTELE_DATABASE_PROLOGUE`, as services read it: whole rooms run in either form.
  private static func prologue() throws -> DatabaseSettings.PrologueForm {
    let text = ProcessInfo.processInfo.environment["CLIENTELE_DATABASE_PROLOGUE"]
    guard let text else { return .setConfig }
    guard let form = DatabaseSettings.PrologueForm(rawValue: text) else {
      throw UnknownPrologue(text: text)
    }
    return form
  }

  private struct UnknownPrologue: Error {
    let text: String
  }

  private static let quiet: Logger = {
    Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
  }()

  /// Runs SQL as the superuser, whom no policy binds, and answers the last command's rows as text.
  @discardableResult
  public func sql(_ script: String) async throws -> [[String?]] {
    try await PlainConnection.withSession(connection(role: "postgres")) { try $0.run(script) }
  }

  /// Runs one of the service's migrations again, as the role that ran it first.
  /// - Parameters:
  ///   - name: the file's, such as `0003_employees`.
  ///   - start: where in the file to begin; nil for all of it.
  public func migrate(_ name: String, from start: String? = nil) async throws {
    let folder = schema.replacing("_", with: "-")
    let file = Checkout.root.appending(path: "services/\(folder)/migrations/\(name).sql")
    var script = try String(contentsOf: file, encoding: .utf8)
    if let start, let range = script.range(of: start) {
      script = String(script[range.lowerBound...])
    }
    let role = "set local role \(schema)_owner; set local search_path = \(schema)"
    try await sql("begin; \(role);\n\(script)\ncommit")
  }

  /// How many rows a table of the service has, whoever they belong to.
  public func count(_ table: String) async throws -> Int {
    let rows = try await sql("select count(*) from \(schema).\(table)")
    return rows.first?.first.flatMap { $0 }.flatMap(Int.init) ?? 0
  }

  fileprivate func close() async throws {
    for database in pools.open.withLock({ $0 }) { await database.close() }
    let name = name
    if let citus = TestCitus.shared(at: cluster) { return try await citus.drop(name) }
    try await PlainConnection.withSession("\(cluster) dbname=postgres user=postgres") { session in
      _ = try session.run("drop database if exists \(name) with (force)")
    }
  }
}

/// Runs a test on a database of its own, cloned from a template that holds the services'
/// migrations.
/// - Parameters:
///   - services: by any spelling of their names; the first one's roles are the default.
///   - cluster: connection string without database and user; nil for the tests' shared cluster.
public func withDatabase<Result>(
  _ services: String..., cluster: String? = nil,
  isolation: isolated (any Actor)? = #isolation,
  _ body: (TestDatabase) async throws -> Result
) async throws -> Result {
  try await withDatabase(
    schemas: services.map { TestSchema(service: $0) }, cluster: cluster, isolation: isolation, body)
}

/// The same for schemas that need be no service's.
public func withDatabase<Result>(
  schemas: [TestSchema], cluster: String? = nil,
  isolation: isolated (any Actor)? = #isolation,
  _ body: (TestDatabase) async throws -> Result
) async throws -> Result {
  try await Turnstile.databases.pass(isolation: isolation) {
    try await withOwnDatabase(schemas: schemas, cluster: cluster, isolation: isolation, body)
  }
}

private func withOwnDatabase<Result>(
  schemas: [TestSchema], cluster: String?, isolation: isolated (any Actor)?,
  _ body: (TestDatabase) async throws -> Result
) async throws -> Result {
  let cluster = try cluster ?? TestCluster.shared()
  let template = try await Template.prepare(schemas, cluster: cluster)
  let name = "test_" + UUID().uuidString.lowercased().replacing("-", with: "").prefix(20)
  if let citus = TestCitus.shared(at: cluster) {
    try await citus.clone(template, as: name)
  } else {
    try await PlainConnection.withSession("\(cluster) dbname=postgres user=postgres") { session in
      _ = try session.run("create database \(name) template \(template) strategy file_copy")
    }
  }
  let database = TestDatabase(
    name: name, schema: schemas.first?.name ?? "postgres", cluster: cluster)
  let result: Result
  do {
    result = try await body(database)
  } catch {
    try? await database.close()
    throw error
  }
  try await database.close()
  return result
}

/// The databases that tests are cloned from: made once for each state of the migrations.
private enum Template {
  /// What is being made or is there, by cluster and name: whoever needs the same waits for it.
  private static let known = Mutex<[String: Task<Void, any Error>]>([:])

  /// - Returns: the template's name.
  static func prepare(_ schemas: [TestSchema], cluster: String) async throws -> String {
    var hash = SHA256()
    for schema in schemas {
      hash.update(data: Data(schema.name.utf8))
      for file in try schema.contents() { hash.update(data: file) }
    }
    let digits = hash.finalize().prefix(8).map { byte in
      byte < 16 ? "0" + String(byte, radix: 16) : String(byte, radix: 16)
    }
    let name = "template_" + digits.joined()
    let making = known.withLock { known in
      if let making = known[cluster + name] { return making }
      let making = Task { try await make(name, schemas, cluster) }
      known[cluster + name] = making
      return making
    }
    do {
      try await making.value
    } catch {
      // The next one tries for itself.
      known.withLock { if $0[cluster + name] == making { $0[cluster + name] = nil } }
      throw error
    }
    return name
  }

  /// Under a name of its own until it is whole. A test process beside this one may make the same;
  /// the first to be done wins.
  private static func make(
    _ name: String, _ schemas: [TestSchema], _ cluster: String
  ) async throws {
    if let citus = TestCitus.shared(at: cluster) {
      return try await citus.makeTemplate(name, schemas)
    }
    let postgres = "\(cluster) user=postgres dbname=postgres"
    let isThere = "select 1 from pg_database where datname = '\(name)'"
    let found = try await PlainConnection.withSession(postgres) { try $0.run(isThere) }
    guard found.isEmpty else { return }
    let making = "\(name)_\(ProcessInfo.processInfo.processIdentifier)"
    try await Bootstrap(
      maintenance: postgres, database: making, schemas: schemas.map(\.name)
    ).run()
    for schema in schemas {
      try await Migrator(
        connection: "\(cluster) user=postgres dbname=\(making)", directory: schema.directory.path,
        schema: schema.name
      ).migrate()
    }
    try await PlainConnection.withSession(postgres) { session in
      do {
        try session.run("alter database \(making) rename to \(name)")
      } catch let error as PostgresError where error.sqlState == "42P04" {
        try session.run("drop database \(making) with (force)")
      }
    }
  }
}
