public import Foundation
import GRPC
import Synchronization

/// What callers asked for and what they were told, while things fail around them.
public final class OpLog: Sendable {
  /// What a caller knows of a call once it has ended.
  public enum Outcome: Sendable, Hashable {
    /// It happened, and this is the answer's identity, such as the id of what was made.
    case ok(String)
    /// It did not happen and will not: the reason.
    case refused(String)
    /// It may have happened: why nobody knows.
    case inDoubt(String)

    /// Whether the call was answered well.
    public var isAnswer: Bool { if case .ok = self { true } else { false } }
  }

  /// One call. Calls with one key are attempts at one thing.
  public struct Entry: Sendable, Hashable {
    /// The key that makes the call safe to repeat.
    public var key: UUID
    /// Such as `CreateClient`.
    public var method: String
    /// On whose behalf.
    public var organization: String
    /// What will be found in the database when it happened, and nothing else causes.
    public var effect: String
    /// When it was sent.
    public var start: ContinuousClock.Instant
    /// When it ended for the caller.
    public var end: ContinuousClock.Instant
    /// How it ended.
    public var outcome: Outcome

    /// Lists the parts.
    public init(
      key: UUID, method: String, organization: String, effect: String,
      start: ContinuousClock.Instant, end: ContinuousClock.Instant, outcome: Outcome
    ) {
      self.key = key
      self.method = method
      self.organization = organization
      self.effect = effect
      self.start = start
      self.end = end
      self.outcome = outcome
    }
  }

  private let kept = Mutex<[Entry]>([])

  /// An empty log.
  public init() {}

  /// All calls that have ended, in the order of their ends.
  public var entries: [Entry] { kept.withLock { $0 } }

  /// Calls that were answered well so far.
  public var answers: Int {
    kept.withLock { $0.count { $0.outcome.isAnswer } }
  }

  /// Adds a call that has ended.
  public func note(_ entry: Entry) { kept.withLock { $0.append(entry) } }

  /// Makes one call, notes it, and answers how it ended.
  ///
  /// - Parameter call: answers the identity of its answer; what it throws is judged by `judge`.
  @discardableResult
  public func call(
    _ method: String, key: UUID, organization: String, effect: String,
    judge: (any Error) -> Outcome = OpLog.judge, _ call: () async throws -> String
  ) async -> Outcome {
    let start = ContinuousClock.now
    let outcome: Outcome
    do {
      outcome = .ok(try await call())
    } catch {
      outcome = judge(error)
    }
    note(
      Entry(
        key: key, method: method, organization: organization, effect: effect, start: start,
        end: .now, outcome: outcome))
    return outcome
  }

  /// What a caller may conclude from an error of gRPC: only the codes with which a service says no
  /// are certain.
  public static func judge(_ error: any Error) -> Outcome {
    guard let error = error as? RPCError else { return .inDoubt("\(error)") }
    let words = "\(error.code.name) \(error.reason ?? "")"
    switch error.code {
    case .invalidArgument, .notFound, .alreadyExists, .permissionDenied, .failedPrecondition,
      .aborted, .outOfRange, .unauthenticated, .resourceExhausted, .unimplemented:
      return .refused(words)
    default:
      return .inDoubt(words)
    }
  }
}
