import GRPC
import Postgres

/// What becomes of a job after an attempt: the rules, apart from the table and the clock.
enum JobVerdict: Sendable, Hashable {
  case complete
  case postpone(Duration, because: String, counts: Bool)
  case bury(because: String)

  /// - Parameters:
  ///   - attempt: how often it was taken, this time included.
  ///   - chance: 0 to 1; random unless a test says otherwise.
  init(
    _ ending: JobOutcome.Ending, attempt: Int, attemptsMax: Int, queue: JobQueue,
    chance: Double = .random(in: 0...1)
  ) {
    switch ending {
    case .done:
      self = .complete
    case .dead(let because):
      self = .bury(because: because)
    case .again(_, let because, counts: true) where attempt >= attemptsMax:
      self = .bury(because: because)
    case .again(let pause, let because, let counts):
      self = .postpone(
        pause ?? Self.pause(after: attempt, queue, chance), because: because, counts: counts)
    }
  }

  /// Why a job is not even begun: it killed its workers, or used up its attempts without a word.
  static func refusal(attempt: Int, attemptsMax: Int, abandoned: Int) -> String? {
    if abandoned >= JobQueue.abandonedMax { return "its worker died \(abandoned) times" }
    return attempt > attemptsMax ? "its attempts are used up" : nil
  }

  /// The pause after so many attempts, 1 or more.
  static func pause(after attempt: Int, _ queue: JobQueue, _ chance: Double) -> Duration {
    let doublings = min(max(attempt - 1, 0), 30)
    return min(queue.firstPause * (1 << doublings), queue.longestPause) * (0.8 + 0.4 * chance)
  }

  /// What an attempt that threw came to. What a peer understood and refused it will refuse again.
  /// - Parameter isReachable: whether the job's own database answered right after the attempt. A
  ///   statement that took too long then is the job's own failure.
  static func ending(of error: any Error, isReachable: Bool = false) -> JobOutcome.Ending {
    let because = "\(error)"
    if isReachable, error as? PostgresError == .deadlineExceeded {
      return .again(after: nil, because: because, counts: true)
    }
    guard let error = error as? RPCError ?? (error as? PostgresError)?.rpcError else {
      return .again(after: nil, because: because, counts: true)
    }
    switch error.code {
    case .invalidArgument, .notFound, .alreadyExists, .failedPrecondition, .outOfRange:
      return .dead(because: because)
    case .unavailable, .deadlineExceeded, .resourceExhausted:
      // A peer or a database that is away says nothing about the job: an outage kills none.
      return .again(after: nil, because: because, counts: false)
    default:
      return .again(after: nil, because: because, counts: true)
    }
  }
}
