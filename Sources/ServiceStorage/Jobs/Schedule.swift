import Foundation
import Logging
import Postgres
import ServiceKit
import Synchronization

/// Work that is due by the clock: of any number of processes one enqueues each run. Runs missed
/// while no process was up are made up for by one.
public struct Schedule: Sendable {
  /// When it is due, by UTC.
  public enum Rhythm: Sendable, Hashable {
    /// Every so often, counted from the beginning of 1970; a second at least.
    case every(Duration)
    /// Once a day.
    case daily(hour: Int, minute: Int)
  }

  /// Such as `answer-sweep`; one in a service.
  public let name: String
  /// When it is due.
  public let rhythm: Rhythm
  /// What is to be done.
  public let kind: JobKind<NoPayload>

  /// A schedule named after its kind.
  public init(_ kind: JobKind<NoPayload>, _ rhythm: Rhythm) {
    name = kind.name
    self.rhythm = rhythm
    self.kind = kind
  }

  /// The latest moment at or before another when it was due.
  func slot(at moment: Date) -> Date {
    let seconds = moment.timeIntervalSince1970
    let (step, start): (Double, Double) =
      switch rhythm {
      case .every(let interval): (max(1, interval.inSeconds.rounded()), 0)
      case .daily(let hour, let minute): (86_400, Double(hour * 3600 + minute * 60))
      }
    return Date(timeIntervalSince1970: ((seconds - start) / step).rounded(.down) * step + start)
  }

  /// The same for the same run, whichever process makes it.
  func jobID(_ slot: Date) -> UUID {
    Jobs.system.derived("\(name) \(Int(slot.timeIntervalSince1970))")
  }
}

/// Enqueues what is due by the clock.
struct Scheduler: Table, Sendable {
  let worker: Database
  let schedules: [Schedule]
  let clock: ServiceClock
  let logger: Logger
  private let done = Slots()

  /// The runs this process knows to be enqueued.
  private final class Slots: Sendable {
    let latest = Mutex<[String: Date]>([:])
  }

  init(worker: Database, schedules: [Schedule], clock: ServiceClock, logger: Logger) {
    self.worker = worker
    self.schedules = schedules
    self.clock = clock
    self.logger = logger
  }

  /// Only who moves the schedule on to a run enqueues it. The database's clock has the last word: a
  /// process whose own is ahead moves no schedule past what is due, and what one did is undone. A run
  /// that waits or is under way stands for the next. Migrations end a schedule with `infinity`.
  private static let enqueue = Statement<NoRow>(
    """
    with moved as (
      update schedules set slot = $2
      where name = $1
        and (slot < $2 or slot > now() + interval '1 minute' and slot < 'infinity')
        and $2 <= now() + interval '1 minute'
      returning slot
    ), made as (
      insert into schedules (name, slot) select $1, $2 where $2 <= now() + interval '1 minute'
      on conflict do nothing
      returning slot
    )
    insert into jobs (organization_id, job_id, queue, kind, dedupe_key, payload, attempts_max)
    select $3, $4, $5, $6, $1, $7, $8
    from (select slot from moved union all select slot from made) as due
    on conflict do nothing
    """, announces: true)
  private static let latestDue = Statement<Date>("select now() + interval '1 minute'")
  static let statements: [any DescribedStatement] = [enqueue, latestDue]

  /// Looks every second what is due, until it is cancelled.
  func run() async {
    while !Task.isCancelled {
      do {
        try await enqueueDue()
      } catch {
        logger.warning("schedules not looked at", metadata: ["error": "\(error)"])
      }
      try? await Task.sleep(for: JobRunner.pollInterval)
    }
  }

  /// Enqueues what is due now and not enqueued by anybody yet.
  func enqueueDue() async throws {
    for schedule in schedules {
      var slot = schedule.slot(at: clock.now())
      guard !isDone(slot, of: schedule) else { continue }
      // A slot that is not due by the database's clock yet would be refused, and never come again.
      if let latest = try await worker.run(.none, Self.latestDue()).first {
        slot = min(slot, schedule.slot(at: latest))
      }
      guard !isDone(slot, of: schedule) else { continue }
      _ = try await worker.run(
        .none,
        Self.enqueue(
          schedule.name, slot, Jobs.system, schedule.jobID(slot), schedule.kind.queue.name,
          schedule.kind.name, [UInt8]("{}".utf8), schedule.kind.attemptsMax))
      done.latest.withLock { $0[schedule.name] = slot }
    }
  }

  private func isDone(_ slot: Date, of schedule: Schedule) -> Bool {
    done.latest.withLock { $0[schedule.name] == slot }
  }
}
