import Crypto
import Foundation
import GRPC
import Postgres
import ServiceStorage

/// What wrong passwords are counted against.
enum FailureSubject: Sendable, Hashable {
  /// An account, whichever of its names was tried.
  case account(UUID)
  /// A name that signs nobody in: counted alike, or it would tell itself apart.
  case unknown(SignInName)
  /// The caller's network: one IPv4 address or one /64 of IPv6.
  case network(String)

  /// The key of its row.
  var hash: [UInt8] {
    let text =
      switch self {
      case .account(let id): "account \(id.uuidString)"
      case .unknown(let name): "name \(name.kind.rawValue) \(name.normalized)"
      case .network(let network): "network \(network)"
      }
    return [UInt8](SHA256.hash(data: Data(text.utf8)))
  }
}

extension IdentityStorage {
  var failures: SignInFailures { SignInFailures(database: database) }
}

/// Failed attempts: the table `sign_in_failures`.
///
/// An attempt is counted before its password is looked at and taken back when it was right, so that
/// guesses made at the same moment cannot slip past the limit together.
struct SignInFailures: Table, Sendable {
  let database: Database

  /// Whether a window's time is over; one that begins more than its length after now was begun by a
  /// clock that was wrong.
  private static let isOver =
    "abs(extract(epoch from $2 - f.window_started_at)::double precision) >= $4"

  /// Answers a row when the attempt is within the limit.
  private static let reserve = Statement<Int64>(
    """
    insert into sign_in_failures as f (subject, window_started_at, failures)
    values ($1, $2, 1)
    on conflict (subject) do update set
      failures = case when \(isOver) then 1 else f.failures + 1 end,
      window_started_at = case when \(isOver) then $2 else f.window_started_at end
    where f.failures < $3 or \(isOver)
    returning failures
    """)
  private static let windowStart = Statement<Date>(
    "select window_started_at from sign_in_failures where subject = $1")
  private static let takeBack = Statement<NoRow>(
    "update sign_in_failures set failures = greatest(failures - 1, 0) where subject = $1")
  private static let forget = Statement<NoRow>("delete from sign_in_failures where subject = $1")
  static let statements: [any DescribedStatement] = [reserve, windowStart, takeBack, forget]

  /// Counts an attempt. Throws SIGN_IN_THROTTLED when the limit is reached.
  func reserve(
    _ subject: FailureSubject, limit: Int, window: Int, at now: Date, deadline: Deadline
  ) async throws {
    let counted = try await database.run(
      .none, deadline: deadline.instant, Self.reserve(subject.hash, now, limit, Double(window)))
    guard counted.isEmpty else { return }
    let starts = try await database.run(
      .none, deadline: deadline.instant, Self.windowStart(subject.hash))
    let end = (starts.first ?? now).addingTimeInterval(Double(window))
    let wait = Int(max(1, min(end.timeIntervalSince(now), Double(window))).rounded(.up))
    throw IdentityError.signInThrottled(retryAfter: wait)
  }

  /// The attempt was no failure: the account starts afresh, the network gets its attempt back.
  func succeeded(_ subjects: [FailureSubject], deadline: Deadline) async throws {
    try await database.run(
      .none, deadline: deadline.instant,
      all: subjects.map { subject in
        if case .network = subject { return AnyQuery(Self.takeBack(subject.hash)) }
        return AnyQuery(Self.forget(subject.hash))
      })
  }

  /// The password was never looked at: every subject gets its attempt back.
  func takeBack(_ subjects: [FailureSubject], deadline: Deadline) async throws {
    try await database.run(
      .none, deadline: deadline.instant, all: subjects.map { AnyQuery(Self.takeBack($0.hash)) })
  }
}
