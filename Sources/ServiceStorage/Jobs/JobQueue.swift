public import Foundation
public import Postgres

/// A line of jobs with workers and bounds of its own, so that what holds one queue up holds up no
/// other.
public struct JobQueue: Sendable, Hashable {
  /// Most jobs a process may have in hand of one queue.
  public static let concurrencyMax = 50
  /// How often a worker may die over a job before the job counts as what kills it.
  public static let abandonedMax = 3

  /// Such as `mail`, 1 to 100 characters.
  public let name: String
  /// How many jobs a process does at once, 1 to `concurrencyMax`.
  public var concurrency = 8
  /// How long a job may take; then it is cancelled, and has failed.
  public var timeLimit: Duration = .seconds(30)
  /// How long a claim holds when its worker says nothing.
  public var lease: Duration = .seconds(60)
  /// How often a worker says that it still is at it; a third of the lease or less.
  public var heartbeat: Duration = .seconds(20)
  /// The pause after the first failure; it doubles with each, a fifth more or less.
  public var firstPause: Duration = .seconds(1)
  /// The longest pause.
  public var longestPause: Duration = .seconds(3600)

  /// A queue with the standard bounds.
  public init(_ name: String, _ change: (inout JobQueue) -> Void = { _ in }) {
    self.name = name
    change(&self)
    concurrency = min(max(concurrency, 1), Self.concurrencyMax)
  }

  /// What keeps a service's own house: sweeps, and what else runs by the clock.
  public static let upkeep = JobQueue("upkeep") {
    $0.concurrency = 2
    $0.timeLimit = .seconds(120)
  }
}

/// A kind of work, and what one has to know to do it. The payload is stored as JSON: what is added
/// to it later must be optional, since older jobs do not have it.
public struct JobKind<Payload: Codable & Sendable>: Sendable {
  /// Such as `invitation`, 1 to 100 characters; one in a service.
  public let name: String
  /// The queue it waits in.
  public let queue: JobQueue
  /// After how many attempts that failed it is dead.
  public let attemptsMax: Int

  /// Declares a kind; keep it in a `static let` beside the work.
  public init(_ name: String, in queue: JobQueue, attemptsMax: Int = 8) {
    self.name = name
    self.queue = queue
    self.attemptsMax = attemptsMax
  }
}

/// The payload of a job whose kind says it all.
public struct NoPayload: Codable, Sendable, Hashable {
  /// Nothing.
  public init() {}
}

/// A job in hand.
public struct Job<Payload: Sendable>: Sendable {
  /// Its id; the same however often it is tried.
  public let id: UUID
  /// Whose it is; nil for the system's own.
  public let organizationID: UUID?
  /// What to do it with.
  public let payload: Payload
  /// How often it was taken, this time included, 1 or more.
  public let attempt: Int
  /// How often a worker died over it, so that nobody knows how far it got.
  public let abandoned: Int
  /// The number of the claim: rows may keep it to tell a late worker from the one that counts.
  public let fence: Int64
}

/// How an attempt ended, and the queries that go into the transaction in which that is noted. They
/// are dropped with it when the job is not this worker's any more: their effect happens once.
public struct JobOutcome: Sendable {
  enum Ending: Sendable, Hashable {
    case done
    case again(after: Duration?, because: String, counts: Bool)
    case dead(because: String)
  }

  let ending: Ending
  let effect: [AnyQuery]

  /// There is nothing left to do.
  public static func done(_ effect: [AnyQuery] = []) -> JobOutcome {
    JobOutcome(ending: .done, effect: effect)
  }

  /// It is to be tried once more. Throwing means the same.
  ///
  /// - Parameters:
  ///   - pause: nil for one that grows with the attempts.
  ///   - because: in words for an operator.
  ///   - counts: false for what says nothing about the job, such as a peer that is away.
  public static func again(
    after pause: Duration? = nil, because: String, counts: Bool = true, _ effect: [AnyQuery] = []
  ) -> JobOutcome {
    JobOutcome(ending: .again(after: pause, because: because, counts: counts), effect: effect)
  }

  /// Trying again cannot help: an operator is told.
  public static func dead(because: String, _ effect: [AnyQuery] = []) -> JobOutcome {
    JobOutcome(ending: .dead(because: because), effect: effect)
  }
}
