import Foundation
import Postgres
import Synchronization
import TestKit
import Testing

/// Migrations over a large database, with calls at work, seven tenths of what it can do: nobody waits
/// long for a lock (R25). More rows with `CLIENTELE_MIGRATION_ROWS`.
@Suite(.serialized, .timeLimit(.minutes(60))) struct MigrationLockTests {
  /// The first migrations: what an early release ran on.
  private static let early = 7
  private static let writers = 4
  private static let rows = Setting.count("CLIENTELE_MIGRATION_ROWS", 20_000)
  /// Milliseconds.
  private static let waitMax = Setting.bound(100.0, orElse: 2_000)
  private static let organization = "00000000-0000-7000-8000-000000000001"

  private static let population = """
    set search_path = client_directory;
    insert into clients (organization_id, client_id, branch_id, version, created_at, updated_at,
      access_state, email_signs_in, username, invitation_email, given_name, family_name,
      preferred_name, language, company_name, street, house_number, box, postal_code, city, province,
      country, case_manager_name, labels)
    select '\(organization)', ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
      '\(organization)', 1, now(), now(), 1, false, '', '', 'Given', md5(n::text), '', 'fr', '', '',
      '', '', '', '', '', '', '', array['label' || n % 10]
    from generate_series(1, \(rows)) as n;
    insert into stakeholders (organization_id, client_id, employee_id, sort_key, created_at)
    select organization_id, client_id, '\(organization)', sort_key, now() from clients;
    insert into client_labels (organization_id, label, sort_key, client_id)
    select organization_id, labels[1], sort_key, client_id from clients;
    insert into contact_points (organization_id, client_id, contact_point_id, kind, rank,
      phone_type, value, normalized, created_at)
    select organization_id, client_id, client_id, 1, 1, 0, family_name || '@example.org',
      family_name || '@example.org', now() from clients;
    analyze;
    """

  /// What the early release does: a client, and a change of one.
  private static let write = Statement<NoRow>(
    """
    with file as (
      insert into clients (organization_id, client_id, branch_id, version, created_at, updated_at,
        access_state, email_signs_in, username, invitation_email, given_name, family_name,
        preferred_name, language, company_name, street, house_number, box, postal_code, city,
        province, country, case_manager_name, labels)
      values ($1, $2, $1, 1, now(), now(), 1, false, '', '', 'Given', 'Family', '', 'fr', '', '',
        '', '', '', '', '', '', '', array['new'])
      returning organization_id, client_id, sort_key
    ), people as (
      insert into stakeholders (organization_id, client_id, employee_id, sort_key, created_at)
      select organization_id, client_id, $1, sort_key, now() from file
    )
    insert into client_labels (organization_id, label, sort_key, client_id)
    select organization_id, 'new', sort_key, client_id from file
    """)
  private static let change = Statement<NoRow>(
    """
    update clients set version = version + 1, updated_at = now()
    where organization_id = $1 and client_id = $2
    """)

  @Test("no migration keeps a writer waiting")
  func waits() async throws {
    try await Self.withFolder(first: Self.early) { folder in
      let schema = TestSchema(name: "client_directory", directory: folder)
      try await withDatabase(schemas: [schema]) { database in
        try await database.sql(Self.population)
        let all = TestSchema(service: "client-directory").directory
        let found = try await Self.watching(database) {
          try await Self.migrator(database, all).migrate()
        }
        Report.say(
          """
          migrations after the first \(Self.early) over \(Self.rows) clients: \(found.writes) writes, \
          the longest wait for a lock \(Int(found.longest)) ms\(found.place.map { " (\($0))" } ?? "")
          """)
        #expect(found.writes > 0)
        #expect(found.longest <= Self.waitMax, "\(found.place ?? "")")
      }
    }
  }

  /// Shorter than the service's own limit of a second.
  @Test("a migration that keeps writers waiting is found")
  func planted() async throws {
    try await Self.withFolder(first: Self.early) { folder in
      let schema = TestSchema(name: "client_directory", directory: folder)
      try await withDatabase(schemas: [schema]) { database in
        try await Self.withFolder(first: Self.early) { next in
          let planted = "lock table clients in share mode; select pg_sleep(0.7);"
          try Data(planted.utf8).write(to: next.appending(path: "0008_planted.sql"))
          let found = try await Self.watching(database) {
            try await Self.migrator(database, next).migrate()
          }
          #expect(found.longest > 300)
        }
      }
    }
  }

  /// The longest that a session of the service waited for a lock, in milliseconds, and for which.
  private struct Found {
    var longest = 0.0
    var place: String?
    var writes = 0
  }

  /// What the writers have done so far.
  private final class Work: Sendable {
    let isOver = Atomic<Bool>(false)
    let writes = Atomic<Int>(0)
    /// Nanoseconds from one write of a writer to its next; none while it is 0.
    let interval = Atomic<Int>(0)

    /// Counts a write, and waits for the time of the next.
    func pace(_ time: inout ContinuousClock.Instant) async throws {
      writes.add(1, ordering: .relaxed)
      let interval = interval.load(ordering: .relaxed)
      let now = ContinuousClock.now
      // Who is late does not catch up.
      time = max(time.advanced(by: .nanoseconds(interval)), now)
      if time > now { try await Task.sleep(until: time) }
    }

    /// Slows the writers down to seven tenths of what they do in a second.
    func slowDown(writers: Int) async throws {
      let before = writes.load(ordering: .relaxed)
      try await Task.sleep(for: .seconds(1))
      let rate = writes.load(ordering: .relaxed) - before
      interval.store(writers * 10 * 1_000_000_000 / (7 * max(rate, 1)), ordering: .relaxed)
    }
  }

  /// Writes for as long as something takes, and looks every few milliseconds who waits.
  private static func watching(
    _ database: TestDatabase, _ body: @Sendable () async throws -> Void
  ) async throws -> Found {
    let service = try database.database()
    let work = Work()
    return try await withThrowingTaskGroup(of: Found.self) { group in
      for _ in 0..<writers {
        group.addTask {
          var time = ContinuousClock.now
          let organization = try #require(UUID(uuidString: organization))
          while !work.isOver.load(ordering: .acquiring) {
            let client = UUID()
            try await service.run(.organization(organization), write(organization, client))
            try await service.run(.organization(organization), change(organization, client))
            try await work.pace(&time)
          }
          return Found()
        }
      }
      group.addTask { try await look(in: database, until: work) }
      do {
        // Who writes before it begins has its statements prepared.
        while work.writes.load(ordering: .relaxed) < 20 {
          try await Task.sleep(for: .milliseconds(10))
        }
        try await work.slowDown(writers: writers)
        try await body()
      } catch {
        work.isOver.store(true, ordering: .releasing)
        throw error
      }
      work.isOver.store(true, ordering: .releasing)
      var found = Found()
      for try await one in group where one.longest > found.longest { found = one }
      found.writes = work.writes.load(ordering: .relaxed)
      return found
    }
  }

  /// The longest wait that is seen until something is over. A wait counts as long as it had lasted when
  /// the question came: whoever asks may be kept waiting between the locks and the clock.
  private static func look(
    in database: TestDatabase, until work: Work
  ) async throws -> Found {
    var found = Found()
    while !work.isOver.load(ordering: .acquiring) {
      let rows = try await database.sql(
        """
        select extract(epoch from statement_timestamp() - l.waitstart) * 1000,
          l.locktype || ' ' || coalesce(l.relation::regclass::text, '') || ', ' || l.mode
        from pg_locks l join pg_stat_activity a using (pid)
        where not l.granted and l.waitstart is not null and a.usename = 'client_directory'
          and a.datname = current_database()
        order by 1 desc limit 1
        """)
      if let row = rows.first, let wait = row[0].flatMap(Double.init), wait > found.longest {
        found.longest = wait
        found.place = row[1]
      }
    }
    return found
  }

  private static func migrator(_ database: TestDatabase, _ folder: URL) -> Migrator {
    Migrator(
      connection: database.connection(role: "client_directory_migrate"), directory: folder.path,
      schema: "client_directory")
  }

  /// A folder with the service's first migrations, that is removed afterwards.
  private static func withFolder(
    first count: Int, _ body: (URL) async throws -> Void
  ) async throws {
    let files = FileManager.default
    let source = TestSchema(service: "client-directory").directory
    let folder = files.temporaryDirectory.appending(path: "clientele-migrations-\(UUID())")
    try files.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? files.removeItem(at: folder) }
    for name in try files.contentsOfDirectory(atPath: source.path).sorted().prefix(count) {
      try files.copyItem(at: source.appending(path: name), to: folder.appending(path: name))
    }
    try await body(folder)
  }
}
