import Logging
import Postgres
import TestKit
import Testing

/// What a pool holds, seen in a process of its own where nothing else counts.
@Suite struct HandleTests {
  @Test("descriptors and threads are gone, however calls have ended")
  func handles() async {
    await #expect(processExitsWith: .success) {
      try await Sample.withDatabase { database in
        // What is made once, and kept, is made in the first; what timers need, by the first of them.
        try await HandleTests.round(database)
        try await Task.sleep(for: .milliseconds(5))
        try await eventually { Handles.now.threads == 0 }
        let before = Handles.now
        for _ in 0..<5 { try await HandleTests.round(database) }
        try await eventually { !Handles.now.exceeds(before, after: 5) }
      }
    }
  }

  /// A pool of its own: those of `TestDatabase` are kept until its end.
  static func round(_ database: TestDatabase) async throws {
    var settings = DatabaseSettings(connection: database.connection())
    settings.connectionsMax = 3
    settings.queueWait = .seconds(20).patient
    settings.callTimeout = .seconds(30).patient
    let pool = Database(
      settings: settings, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    try pool.start()
    _ = try await pool.run(.none, Sample.one())
    await #expect(throws: PostgresError.deadlineExceeded) {
      try await pool.run(.none, deadline: .now + .milliseconds(50), Sample.sleep(2.0))
    }
    let left = Task { try await pool.run(.none, Sample.sleep(0.1)) }
    left.cancel()
    _ = await left.result
    await pool.close()
  }
}
