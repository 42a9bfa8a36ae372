/// Distributes the services' tables over a Citus cluster.
public struct CitusCluster: Sendable {
  /// Why a cluster cannot be used.
  public enum Refusal: Error, Sendable, CustomStringConvertible {
    /// The database has no extension.
    case noExtension(String)
    /// Nobody told Citus where the coordinator is.
    case noCoordinator
    /// There is no node to put shards on.
    case noWorkers
    /// Citus would refuse what the migrations made.
    case unfit([String])

    /// What happened and what to do.
    public var description: String {
      switch self {
      case .noExtension(let database):
        """
        database \(database) has no extension citus: on every node make the database and \
        `create extension citus` in it, then on the coordinator call citus_set_coordinator_host \
        and, for each worker, citus_add_node
        """
      case .noCoordinator:
        "the coordinator is not in Citus' metadata: call citus_set_coordinator_host on it"
      case .noWorkers: "no active node takes shards: call citus_add_node on the coordinator"
      case .unfit(let problems):
        "Citus would refuse these:\n" + problems.joined(separator: "\n")
      }
    }
  }

  private let connection: String
  private let schemas: [String]

  /// - Parameters:
  ///   - connection: a superuser's libpq connection string to the services' database on the
  ///     coordinator.
  ///   - schemas: whose tables take part.
  public init(connection: String, schemas: [String]) {
    self.connection = connection
    self.schemas = schemas
  }

  /// Whether the database has the extension.
  public func isCitus() async throws -> Bool {
    try await PlainConnection.withSession(connection) { try Self.isCitus($0) }
  }

  static func isCitus(_ session: PlainConnection) throws(PostgresError) -> Bool {
    try !session.run("select from pg_extension where extname = 'citus'").isEmpty
  }

  /// Refuses what is no cluster yet.
  /// - Throws: `Refusal`; `PostgresError`.
  public func check() async throws {
    try await PlainConnection.withSession(connection) { session in
      guard try Self.isCitus(session) else {
        let name = try session.run("select current_database()").first?.first ?? nil
        throw Refusal.noExtension(name ?? "")
      }
      let nodes = try session.run(
        """
        select groupid, shouldhaveshards from pg_dist_node
        where noderole = 'primary' and isactive
        """)
      guard nodes.contains(where: { $0.first == "0" }) else { throw Refusal.noCoordinator }
      guard nodes.contains(where: { $0.last == "t" }) else { throw Refusal.noWorkers }
    }
  }

  /// The commands for a database on which nothing is distributed yet, Citus or not.
  /// - Throws: `Refusal.unfit`; `PostgresError`.
  public func script() async throws -> [String] {
    try await PlainConnection.withSession(connection) { try layout($0).script() }
  }

  /// Distributes what is not yet distributed.
  /// - Parameter tell: is told each command before it runs.
  /// - Throws: `Refusal`; `PostgresError`.
  public func distribute(_ tell: @escaping @Sendable (String) -> Void) async throws {
    try await check()
    try await PlainConnection.withSession(connection) { session in
      try session.run("select pg_advisory_lock(hashtextextended('clientele.citus', 0))")
      let known = try session.run(
        """
        select n.nspname || '.' || c.relname, pg_relation_size(c.oid) > 0 from pg_dist_partition d
        join pg_class c on c.oid = d.logicalrelid join pg_namespace n on n.oid = c.relnamespace
        """)
      let done = Set(known.compactMap { $0.first ?? nil })
      let left = Set(known.compactMap { $0.last == "t" ? $0.first ?? nil : nil })
      for command in try layout(session).script(without: done, left: left) {
        tell(command)
        try session.run(command)
      }
    }
  }

  private func layout(_ session: PlainConnection) throws -> CitusLayout {
    let layout = try CitusLayout(of: schemas, in: session)
    guard layout.problems.isEmpty else { throw Refusal.unfit(layout.problems) }
    return layout
  }
}
