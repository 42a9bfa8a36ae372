import CommonAPI
public import GRPC
import Synchronization

/// Counts what calls leave in the audit log: one row for each that changes something, none for one
/// that is refused, repeated or only reads.
public final class AuditWatch: Sendable {
  private let database: TestDatabase
  private let changes: Set<String>
  private let seen = Mutex<Set<String>>([])

  /// - Parameters:
  ///   - methods: of the service.
  ///   - sensitive: the names of those that are on record although they only read.
  public init(
    _ methods: [MethodDescriptor], sensitive: Set<String> = [], in database: TestDatabase
  ) {
    self.database = database
    changes = Set(methods.filter { $0.access.effect == .write }.map(\.name)).union(sensitive)
  }

  /// Makes a call that is to leave its row.
  /// - Throws: `Unexpected`; what the call throws.
  public func changes<Answer>(
    _ method: String, isolation: isolated (any Actor)? = #isolation,
    _ call: () async throws -> Answer
  ) async throws -> Answer {
    seen.withLock { _ = $0.insert(method) }
    return try await counting(1, method, call)
  }

  /// Makes a call that is to leave nothing.
  /// - Throws: `Unexpected`; what the call throws.
  @discardableResult
  public func leavesNothing<Answer>(
    _ method: String, isolation: isolated (any Actor)? = #isolation,
    _ call: () async throws -> Answer
  ) async throws -> Answer {
    try await counting(0, method, call)
  }

  private func counting<Answer>(
    _ expected: Int, _ method: String, isolation: isolated (any Actor)? = #isolation,
    _ call: () async throws -> Answer
  ) async throws -> Answer {
    let before = try await database.count("audit_log")
    let answer = try await call()
    let rows = try await database.count("audit_log") - before
    guard rows == expected else {
      throw Unexpected(description: "\(method) left \(rows) rows, not \(expected)")
    }
    return answer
  }

  /// Methods that change something and were not called.
  public var missing: Set<String> { changes.subtracting(seen.withLock { $0 }) }

  /// A call left more or less than it should.
  public struct Unexpected: Error, CustomStringConvertible {
    /// Which, and how many rows.
    public let description: String
  }
}
