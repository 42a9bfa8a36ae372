public import Postgres
public import ServiceKit

/// Which of a service's roles a pool connects as.
public enum DatabaseRole: Sendable, Hashable {
  /// Answers calls; row-level security binds it to the caller's organisation or person.
  case service
  /// Followers, feeds and jobs; its own policies let it see what they need across organisations.
  case worker
}

extension Rig {
  /// A started pool as one of the service's roles, from `CLIENTELE_DATABASE` or
  /// `CLIENTELE_WORKER_DATABASE`. An absent database is waited for, not an error.
  ///
  /// - Parameter version: the oldest schema the service works on. With one, the process ends on an
  ///   older schema, on a database that may forget what it confirmed, and on Citus without its form
  ///   of the prologue; see `DatabaseCheck`.
  public mutating func database(
    _ role: DatabaseRole, schema version: Int? = nil
  ) throws -> Database {
    let text =
      switch role {
      case .service: connection("CLIENTELE_DATABASE", of: schema)
      case .worker: connection("CLIENTELE_WORKER_DATABASE", of: "\(schema)_worker")
      }
    var bounds = DatabaseSettings(connection: text)
    let standard = role == .service ? 16 : 4
    let name = role == .service ? "CLIENTELE_POOL" : "CLIENTELE_WORKER_POOL"
    bounds.connectionsMax = settings.int(name, default: standard, in: 1...200)
    bounds.waitersMax = settings.int(
      "CLIENTELE_POOL_WAITERS", default: bounds.waitersMax, in: 1...100_000)
    // Behind a worker nobody waits for an answer: it may wait for its turn.
    if role == .worker { bounds.queueWait = bounds.connectionWait }
    bounds.prologue = prologue()
    let mayForget = settings.flag("CLIENTELE_DATABASE_MAY_FORGET", default: false)
    try settings.check()
    let database = Database(settings: bounds, logger: logger)
    try database.start()
    if let version {
      let check = DatabaseCheck(
        database: database, schema: schema, version: version, prologue: bounds.prologue,
        mayForget: mayForget, logger: logger)
      require { try await check.refusal() }
    }
    let pool = role == .service ? "service" : "worker"
    tell { PoolFigures.samples(await database.statistics(), of: pool) }
    if role == .worker { tell { await Alerts(database: database).samples() } }
    return database
  }

  private mutating func connection(_ name: String, of role: String) -> String {
    let text = settings.required(name, "libpq connection string of role \(role)")
    // What libpq says of it may quote a password.
    if !text.isEmpty, !DatabaseSettings.isReadable(connection: text) {
      settings.note("\(name) must be a libpq connection string: words such as host=… user=\(role)")
    }
    return text
  }

  /// How calls tell PostgreSQL whose rows they see: `CLIENTELE_DATABASE_PROLOGUE`.
  private mutating func prologue() -> DatabaseSettings.PrologueForm {
    let text = settings.string(
      "CLIENTELE_DATABASE_PROLOGUE", default: DatabaseSettings.PrologueForm.setConfig.rawValue)
    guard let form = DatabaseSettings.PrologueForm(rawValue: text) else {
      settings.note("CLIENTELE_DATABASE_PROLOGUE must be set-config, or set-local on Citus")
      return .setConfig
    }
    return form
  }
}
