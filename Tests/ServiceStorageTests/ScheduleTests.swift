import Foundation
import Postgres
import ServiceKit
import Synchronization
import TestKit
import Testing

@testable import ServiceStorage

@Suite struct ScheduleTests {
  private static let kind = JobKind<NoPayload>("sweep", in: JobRig.queue("upkeep"))

  private func date(_ text: String) throws -> Date { try Date(text, strategy: .iso8601) }

  @Test("a run is due at its moment of the day, or every so often, by UTC")
  func slots() throws {
    let daily = Schedule(Self.kind, .daily(hour: 3, minute: 30))
    #expect(
      try daily.slot(at: date("2026-11-22T03:30:00Z")) == date("2026-11-22T03:30:00Z"))
    #expect(
      try daily.slot(at: date("2026-11-22T03:29:59Z")) == date("2026-11-21T03:30:00Z"))
    let often = Schedule(Self.kind, .every(.seconds(900)))
    #expect(
      try often.slot(at: date("2026-11-22T03:29:59Z")) == date("2026-11-22T03:15:00Z"))
    let slot = try date("2026-11-22T03:15:00Z")
    #expect(often.jobID(slot) == often.jobID(slot))
    #expect(often.jobID(slot) != often.jobID(slot + 900))
  }

  @Test("of many processes one enqueues each run; what was missed is made up for once")
  func exactlyOne() async throws {
    try await JobRig.with { rig in
      let start = try date("2026-11-22T03:00:00Z")
      let now = Mutex(start)
      let clock = ServiceClock { now.withLock { $0 } }
      let runs = Tally()
      let offices = (1...5).map { _ in
        rig.office(
          [
            JobHandler(Self.kind) { _ in
              runs.add("run")
              return .done()
            }
          ], schedules: [Schedule(Self.kind, .every(.seconds(60)))], clock: clock)
      }
      for (run, minute) in [0, 1, 2, 9].enumerated() {
        now.withLock { $0 = start + Double(minute * 60) }
        try await withThrowingTaskGroup(of: Void.self) { group in
          for office in offices { group.addTask { try await office.enqueueDue() } }
          try await group.waitForAll()
        }
        for office in offices { await office.drain() }
        #expect(runs["run"] == run + 1)
      }
      // A process whose clock is behind enqueues nothing anew.
      now.withLock { $0 = start }
      try await offices[0].enqueueDue()
      #expect(try await rig.database.count("jobs") == 0)
    }
  }

  @Test("a clock that is ahead moves no schedule, and one that was moved goes on")
  func clockAhead() async throws {
    try await JobRig.with { rig in
      let shift = Mutex(Duration.seconds(30 * 86_400))
      let office = rig.office(
        [], schedules: [Schedule(Self.kind, .every(.seconds(3600)))],
        clock: ServiceClock { shift.withLock { Date() + $0 / .seconds(1) } })
      // What is due by the database's clock is enqueued meanwhile, once.
      for _ in 0..<2 { try await office.enqueueDue() }
      #expect(try await rig.database.count("jobs") == 1)
      #expect(
        try await rig.database.count("schedules where slot <= now() + interval '1 minute'") == 1)
      try await rig.database.sql(
        """
        delete from organization.jobs;
        update organization.schedules set slot = now() + interval '30 days'
        """)
      let other = rig.office(
        [], schedules: [Schedule(Self.kind, .every(.seconds(3600)))], clock: .system)
      try await other.enqueueDue()
      #expect(try await rig.database.count("jobs") == 1)
      #expect(try await rig.database.count("schedules where slot <= now()") == 1)
      // One that a migration ended stays so.
      try await rig.database.sql(
        "delete from organization.jobs; update organization.schedules set slot = 'infinity'")
      shift.withLock { $0 = .seconds(-7_200) }
      try await office.enqueueDue()
      #expect(try await rig.database.count("jobs") == 0)
    }
  }

  @Test("under a clock that is minutes ahead runs are due by the database's clock")
  func clockMinutesAhead() async throws {
    try await JobRig.with { rig in
      let office = rig.office(
        [], schedules: [Schedule(Self.kind, .every(.seconds(1)))],
        clock: ServiceClock { Date() + 300 })
      for _ in 0..<2 {
        try await JobRig.wait {
          try await office.enqueueDue()
          return try await rig.database.count("jobs") == 1
        }
        try await rig.database.sql("delete from organization.jobs")
      }
    }
  }

  @Test("a run that is still to be done stands for the next")
  func noOverlap() async throws {
    try await JobRig.with { rig in
      let start = try date("2026-11-22T03:00:00Z")
      let now = Mutex(start)
      let office = rig.office(
        [], schedules: [Schedule(Self.kind, .every(.seconds(60)))],
        clock: ServiceClock { now.withLock { $0 } })
      for minute in 0..<3 {
        now.withLock { $0 = start + Double(minute * 60) }
        try await office.enqueueDue()
        #expect(try await rig.database.count("jobs") == 1)
      }
    }
  }
}
