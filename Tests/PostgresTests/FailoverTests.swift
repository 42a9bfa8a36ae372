import FoundationEssentials
import Synchronization
import TestKit
import Testing

@testable import Postgres

@Suite struct FailoverTests {
  private static let insert = Statement<NoRow>("insert into parents (parent_id) values ($1)")

  /// What writers were told.
  private final class Log: Sendable {
    private struct Entries {
      var done: Set<Int> = []
      var unknown: Set<Int> = []
      var next = 0
    }
    private let entries = Mutex(Entries())

    func next() -> Int {
      entries.withLock { entries in
        entries.next += 1
        return entries.next
      }
    }
    func note(_ number: Int, _ outcome: PostgresError.Outcome) {
      entries.withLock { entries in
        if outcome == .done { entries.done.insert(number) }
        if outcome == .unknown { entries.unknown.insert(number) }
      }
    }
    var done: Set<Int> { entries.withLock { $0.done } }
    var unknown: Set<Int> { entries.withLock { $0.unknown } }
  }

  /// Until it is cancelled.
  private static func write(_ pool: Database, _ log: Log) async {
    while !Task.isCancelled {
      let number = log.next()
      do throws(PostgresError) {
        try await pool.run(.none, deadline: .now + .seconds(2), insert(number))
        log.note(number, .done)
      } catch {
        log.note(number, error.outcome)
        // The pool paces its attempts; this keeps a refused writer from spinning.
        try? await Task.sleep(for: .milliseconds(5))
      }
    }
  }

  @Test("a primary is killed and its standby promoted: nothing acknowledged is lost")
  func failover() async throws {
    try await withCluster(isDurable: true) { primary in
      try await Sample.withDatabase(cluster: primary.connection) { database in
        try await withStandby(of: primary) { standby in
          try await database.sql("alter system set synchronous_standby_names = '*'")
          try await database.sql("select pg_reload_conf()")
          try await eventually {
            try await database.sql(
              "select 1 from pg_stat_replication where sync_state in ('sync', 'quorum')") == [["1"]]
          }
          let hosts = "host=\(standby.host),\(primary.host) target_session_attrs=read-write"
          let connection =
            "\(hosts) dbname=\(database.name) user=sample"
          let pool = try database.database {
            $0.connection = connection
            $0.queueWait = .milliseconds(500)
          }
          let log = Log()
          let writers = (0..<8).map { _ in Task { await Self.write(pool, log) } }
          try await eventually { log.done.count > 100 }
          try await primary.kill()
          let before = log.done.count
          try await standby.promote()
          try await PlainConnection.withSession(
            "host=\(standby.host) dbname=postgres user=postgres"
          ) { session in
            _ = try session.run("alter system reset synchronous_standby_names")
            _ = try session.run("select pg_reload_conf()")
          }
          try await eventually { log.done.count > before + 100 }
          for writer in writers { writer.cancel() }
          for writer in writers { await writer.value }
          let stored = try await PlainConnection.withSession(
            "host=\(standby.host) dbname=\(database.name) user=postgres"
          ) { try $0.run("select parent_id from sample.parents") }
          let numbers = Set(stored.compactMap { $0.first.flatMap { $0 }.flatMap(Int.init) })
          #expect(log.done.subtracting(numbers) == [], "acknowledged and lost")
          #expect(numbers.subtracting(log.done).isSubset(of: log.unknown), "refused and stored")
          await pool.close()
        }
        // It is to forget the database in peace.
        try await primary.start()
        try await database.sql("alter system reset synchronous_standby_names")
        try await database.sql("select pg_reload_conf()")
        try await eventually {
          try await database.sql("show synchronous_standby_names") == [[""]]
        }
      }
    }
  }

  @Test("a server that turns read-only is left for one that is not")
  func readOnly() async throws {
    try await Sample.withDatabase { database in
      let pool = try database.database { $0.connectionsMax = 1 }
      try await pool.run(.none, Sample.insertParent(1))
      let first = try await pool.run(.none, Sample.backend())
      try await pool.run(
        .none, Statement<NoRow>("set default_transaction_read_only = on", writes: true)())
      let error = await #expect(throws: PostgresError.self) {
        try await pool.run(.none, Sample.insertParent(3))
      }
      #expect(error?.outcome == .refused)
      #expect(try await pool.run(.none, Sample.backend()) != first)
    }
  }

  @Test("TLS with verify-full and a client's certificate; a false name or no authority is refused")
  func encryption() async throws {
    try await withCluster(listensWithTLS: true) { cluster in
      try await Sample.withDatabase(cluster: cluster.connection) { database in
        let words = " dbname=\(database.name) user=sample"
        let good = cluster.encryptedConnection + words
        let pool = try database.database { $0.connection = good }
        let isEncrypted = Statement<Bool>(
          "select ssl from pg_stat_ssl where pid = pg_backend_pid()")
        #expect(try await pool.run(.none, isEncrypted()) == [true])
        var news = pool.notifications(channel: "news").makeAsyncIterator()
        #expect(await news.next() == "")
        try await pool.withRows(
          .none, Statement<Int>("select generate_series(1, 50000::bigint)")()
        ) { rows in
          var count = 0
          for try await _ in rows { count += 1 }
          #expect(count == 50_000)
        }
        let port = cluster.port ?? 0
        let bad = [
          // The certificate is not this host's.
          good.replacing("host=localhost", with: "host=elsewhere.test hostaddr=127.0.0.1"),
          // Nobody vouches for the server.
          "host=localhost port=\(port) sslrootcert=/nonexistent" + words,
          // Plain text is refused by the server.
          "host=localhost port=\(port) sslmode=disable" + words,
        ]
        for connection in bad {
          let pool = try database.database {
            $0.connection = connection
            $0.queueWait = .milliseconds(50)
            $0.connectionWait = .milliseconds(500)
          }
          let error = await #expect(throws: PostgresError.self) {
            try await pool.run(.none, Sample.one())
          }
          if case .unavailable = error {} else { Issue.record("\(String(describing: error))") }
        }
      }
    }
  }

  @Test("a host that does not answer is left for the next one in time")
  func silentHost() async throws {
    try await Sample.withDatabase { database in
      let silent = try database.proxy()
      let good = try database.proxy()
      defer {
        silent.stop()
        good.stop()
      }
      silent.stall(.down)
      let connection =
        database.connection() + " sslmode=disable host=localhost,127.0.0.1 "
        + "port=\(silent.port),\(good.port)"
      let pool = try database.database {
        $0.connection = connection
        $0.connectTimeout = .milliseconds(300)
      }
      #expect(try await pool.run(.none, Sample.one()) == [1])
      #expect(await pool.statistics().connectFailures >= 1)
      #expect(good.bytesPassed(.down) > 0)
    }
  }

  @Test("a name that nobody knows is said so, and blocks nobody")
  func unknownName() async throws {
    try await Sample.withDatabase { database in
      let pool = try database.database {
        $0.connection = "host=nobody.invalid dbname=x user=y"
        $0.queueWait = .milliseconds(50)
        $0.connectionWait = .milliseconds(300)
      }
      let error = await #expect(throws: PostgresError.self) {
        try await pool.run(.none, Sample.one())
      }
      if case .unavailable = error {} else { Issue.record("\(String(describing: error))") }
      let started = ContinuousClock.now
      _ = await pool.statistics()
      #expect(ContinuousClock.now - started < .seconds(2))
    }
  }
}

/// The list of hosts without any connection.
@Suite struct HostListTests {
  @Test("hosts, addresses and ports are told apart")
  func parsing() {
    let one = HostList("host=/run/a,/run/b dbname=x")
    #expect(one.targets.map(\.host) == ["/run/a", "/run/b"] && one.names.isEmpty)
    let two = HostList("postgresql://a:1,b:2/x?target_session_attrs=read-write")
    #expect(two.names == ["a", "b"] && two.current == nil)
    let three = HostList("host=a,b hostaddr=10.0.0.1,10.0.0.2 port=7")
    #expect(three.names.isEmpty)
    #expect(three.targets.map(\.address) == ["10.0.0.1", "10.0.0.2"])
    #expect(three.targets.map(\.port) == ["7", "7"])
    for odd in ["", "dbname=x", "host=a,b port=1,2,3", "this is = not ' one"] {
      #expect(HostList(odd).targets == [HostTarget()], "\(odd)")
    }
  }

  @Test("a round tries each address once, and the one that worked stays")
  func rounds() {
    let now = ContinuousClock.now
    var list = HostList("host=a,b")
    #expect(list.needsLookUp(now: now))
    let isFirst = list.startLookUp(now: now)
    let isSecond = list.startLookUp(now: now)
    #expect(isFirst && !isSecond && !list.needsLookUp(now: now))
    list.resolved(["a": ["1", "2"], "b": ["3"]], now: now)
    var tried: [String?] = []
    for _ in 0..<3 {
      tried.append(list.current?.address)
      let isRoundOver = list.failed(list.current)
      #expect(isRoundOver == (tried.count == 3))
    }
    #expect(tried == ["1", "2", "3"] && list.current?.address == "1")
    // Another attempt at a host that was left already changes nothing.
    _ = list.failed(list.current)
    let isRoundOver = list.failed(HostTarget(host: "a", address: "1"))
    #expect(!isRoundOver)
    #expect(list.current?.address == "2")
    list.worked(HostTarget(host: "a", address: "2"))
    // A new look-up keeps the host in use, and names without an answer their addresses.
    #expect(list.needsLookUp(now: now + .seconds(31)))
    _ = list.startLookUp(now: now)
    list.resolved(["b": ["4"]], now: now)
    #expect(list.targets.map(\.address) == ["1", "2", "4"] && list.current?.address == "2")
    #expect(list.needsLookUp(now: now))
  }
}
