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
    var settings = DatabaseSettings(connection: connection(role: role))
    settings.connectionsMax = 8
    // Tests run beside each other on machines that are busy with them.
    settings.callTimeout = .seconds(30).patient
    settings.queueWait = .seconds(20).patient
    settings.connectTimeout = .seconds(20).patient
    settings.prologue = try Self.prologue()
    change(&settings)
    let database = Database(settings: settings, logger: logger ?? Self.quiet)
    try database.start()
    pools.open.withLock { $0.append(database) }
    return database
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

  /// How many rows a table of the service has, whoever they belong to.
  public func count(_ table: String) async throws -> Int {
    let rows = try await sql("select count(*) from \(schema).\(table)")
    return rows.first?.first.flatMap { $0 }.flatMap(Int.init) ?? 0
  }

  fileprivate func close() async throws {
    for database in pools.open.withLock({ $0 }) { await database.close() }
    let name = name
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
  try await PlainConnection.withSession("\(cluster) dbname=postgres user=postgres") { session in
    _ = try session.run("create database \(name) template \(template) strategy file_copy")
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
  private static let known = Mutex<Set<String>>([])

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
    let key = cluster + name
    if known.withLock({ $0.contains(key) }) { return name }
    try await make(name, schemas, cluster)
    known.withLock { _ = $0.insert(key) }
    return name
  }

  private static func make(
    _ name: String, _ schemas: [TestSchema], _ cluster: String
  ) async throws {
    let postgres = "\(cluster) user=postgres dbname=postgres"
    // One session holds the lock for as long as others work on the template, so that test processes
    // beside this one wait for it instead of making it twice.
    let lock = try await LockHolder.take(postgres, key: "clientele.\(name)")
    defer { lock.release() }
    let making = "\(name)_making"
    let isThere = try await PlainConnection.withSession(postgres) { session in
      let rows = try session.run("select 1 from pg_database where datname = '\(name)'")
      if rows.isEmpty { try session.run("drop database if exists \(making) with (force)") }
      return !rows.isEmpty
    }
    guard !isThere else { return }
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
      _ = try session.run("alter database \(making) rename to \(name)")
    }
  }
}

/// Holds an advisory lock on a connection of its own until it is released.
private final class LockHolder: Sendable {
  private let gate: AsyncStream<Void>.Continuation

  private init(gate: AsyncStream<Void>.Continuation) { self.gate = gate }

  /// Tries again and again instead of blocking a thread in the server's queue.
  static func take(_ connection: String, key: String) async throws -> LockHolder {
    var settings = DatabaseSettings(connection: connection)
    // As patient as the tests' own pools.
    settings.queueWait = .seconds(20).patient
    settings.connectTimeout = .seconds(20).patient
    let database = Database(settings: settings, logger: Logger(label: "test.lock"))
    try database.start()
    let tryLock = Statement<Bool>(
      "select pg_try_advisory_xact_lock(hashtextextended($1, 0))", writes: true)
    let (stream, gate) = AsyncStream<Void>.makeStream()
    let (ready, held) = AsyncStream<Bool>.makeStream()
    Task {
      defer { held.finish() }
      while true {
        let isHeld = try await database.transaction(.none, deadline: .now + .seconds(300)) { tx in
          // The transaction is idle while others migrate; the lock lives as long as it.
          guard try await tx.run(tryLock(key)).first == true else { return false }
          held.yield(true)
          for await _ in stream {}
          return true
        }
        if isHeld { break }
        try await Task.sleep(for: .milliseconds(50))
      }
      await database.close()
    }
    for await _ in ready { return LockHolder(gate: gate) }
    throw PostgresError.unavailable("the template's lock could not be taken")
  }

  func release() { gate.finish() }
}
