public import GRPC
public import Postgres

/// What the database's own failures mean to the caller of an rpc. Neither SQL nor names of tables
/// leave the process.
extension PostgresError: RPCErrorConvertible {
  /// What the caller gets.
  public var rpcError: RPCError {
    switch self {
    case .unavailable:
      RPCError(.unavailable, reason: "DATABASE_UNAVAILABLE", "the database cannot be reached")
    case .unknownOutcome:
      RPCError(
        .unavailable, reason: "OUTCOME_UNKNOWN",
        "the change may have happened: repeat the call with the same request_id")
    case .deadlineExceeded:
      RPCError(.deadlineExceeded, reason: "DATABASE_TIMEOUT", "the database took too long")
    case .queueFull:
      RPCError(.resourceExhausted, reason: "DATABASE_BUSY", "too many calls wait for the database")
    case .cancelled:
      RPCError(.cancelled, "the call was given up")
    case .decoding:
      RPCError(.internalError, "internal error")
    case .refused(let sqlState, _, _, _):
      Self.refusal(sqlState)
    }
  }

  private static func refusal(_ sqlState: String) -> RPCError {
    switch sqlState {
    case "40001", "40P01", "55P03":
      RPCError(
        .aborted, reason: "CONCURRENT_CHANGE", "another call changed the same record: try again")
    case "57014":
      RPCError(.deadlineExceeded, reason: "DATABASE_TIMEOUT", "the database took too long")
    case "25006":
      RPCError(.unavailable, reason: "DATABASE_READ_ONLY", "the database takes no changes now")
    case _ where sqlState.hasPrefix("53"):
      RPCError(.resourceExhausted, reason: "DATABASE_BUSY", "the database is out of resources")
    case _ where sqlState.hasPrefix("08") || sqlState.hasPrefix("57P"):
      RPCError(.unavailable, reason: "DATABASE_UNAVAILABLE", "the database cannot be reached")
    default:
      RPCError(.internalError, "internal error")
    }
  }
}

/// Which domain error a violated constraint means: one table beside the statements of a storage.
public struct ConstraintFaults: Sendable, ExpressibleByDictionaryLiteral {
  private let faults: [String: any RPCErrorConvertible & Sendable]

  /// Constraint names and their errors.
  public init(dictionaryLiteral elements: (String, any RPCErrorConvertible & Sendable)...) {
    faults = Dictionary(elements, uniquingKeysWith: { first, _ in first })
  }

  /// The domain error the constraint stands for, or the error as it came.
  public func translate(_ error: any Error) -> any Error {
    guard let constraint = (error as? PostgresError)?.constraint else { return error }
    return faults[constraint] ?? error
  }

  /// Runs something and throws domain errors for violated constraints.
  public func blaming<Result>(
    isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Result
  ) async throws -> Result {
    do {
      return try await body()
    } catch {
      throw translate(error)
    }
  }
}

extension Deadline {
  /// The same moment on the clock the database room uses.
  public var instant: ContinuousClock.Instant { .now + min(remaining, .seconds(3600)) }
}
