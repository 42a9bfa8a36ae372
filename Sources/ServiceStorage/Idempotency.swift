import Crypto
public import Foundation
public import GRPC
public import Postgres
public import Protobuf
import ServiceKit

/// A query whose rows nobody reads: an `AnyQuery`, or a `Query` of any row.
public protocol AnyQueryConvertible: Sendable {
  /// The query without the row's type.
  var erased: AnyQuery { get }
}

extension Query: AnyQueryConvertible {}

extension AnyQuery: AnyQueryConvertible {
  /// Itself.
  public var erased: AnyQuery { self }
}

/// Makes a mutating rpc safe to repeat: the first answer is stored in the transaction of its effect
/// and given again (`reliability.md` 3.1).
///
/// A fresh call stays one round trip: the row is inserted first in the same pipeline, and a repeat
/// fails on its primary key, which undoes the rest. The repeat then fetches the stored answer and
/// touches the row, so that an answer is never confirmed from a commit that a failover could lose.
public struct Idempotency: Table, Sendable {
  /// The scope of calls made before an organisation or a person is known.
  public static let noScope = UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))

  /// What makes two calls the same intent.
  public struct Key: Sendable, Hashable {
    /// The organisation, else the account, else `noScope`.
    public let scope: UUID
    /// The account, else the calling service.
    public let caller: String
    /// The method's path.
    public let method: String
    /// The caller's word for the intent.
    public let requestID: UUID
    /// SHA-256 of the request, to tell other parameters under the same id.
    public let requestHash: [UInt8]
    /// Hashes of the same request in other words.
    let alike: [[UInt8]]
  }

  private static let insert = Statement<NoRow>(
    """
    insert into idempotency (scope, caller, method, request_id, request_hash, response)
    values ($1, $2, $3, $4, $5, $6)
    """)
  private static let touch = Statement<StoredAnswer>(
    """
    update idempotency set touched_at = now()
    where scope = $1 and caller = $2 and method = $3 and request_id = $4
    returning request_hash, response
    """)
  private static let nothing = Statement<NoRow>("select where false")
  /// For the test that describes each statement.
  public static var statements: [any DescribedStatement] { [insert, touch, nothing] }
  private static let keyConstraint = "idempotency_pkey"

  private let database: Database

  /// Stores answers through the service's own role.
  public init(database: Database) {
    self.database = database
  }

  /// The key of a call.
  ///
  /// - Parameters:
  ///   - requestID: the request's field; empty means that a repeat counts as a new call.
  ///   - scope: the organisation or the account whose rows the call changes; nil before one is known.
  ///   - request: what is hashed; hand in a copy without its secrets where there are some.
  ///   - alike: what the same request may have been hashed as before, where such a copy changes.
  /// - Throws: INVALID_ARGUMENT/REQUEST_ID_INVALID when the id is no UUID.
  public static func key<Request: Message>(
    _ requestID: String, scope: UUID?, in call: CallContext, for request: Request,
    or alike: [Request] = []
  ) throws -> Key? {
    guard !requestID.isEmpty else { return nil }
    guard let id = UUID(text: requestID) else {
      throw RPCError(
        .invalidArgument, reason: "REQUEST_ID_INVALID", "request_id must be a UUID",
        violations: [FieldViolation(field: "request_id", description: "is no UUID")])
    }
    let caller = call.verifiedCaller?.accountID.text ?? call.peer.serviceName ?? ""
    return Key(
      scope: scope ?? noScope, caller: caller, method: call.method.path, requestID: id,
      requestHash: hash(request), alike: alike.map(hash))
  }

  private static func hash(_ request: some Message) -> [UInt8] {
    [UInt8](SHA256.hash(data: request.serialized()))
  }

  /// The stored answer of an earlier call, for rpcs that do expensive work before they write; nil
  /// when there is none. Throws INVALID_ARGUMENT/REQUEST_ID_REUSED for other parameters.
  public func replay<Response: Message>(
    _ key: Key?, as: Response.Type = Response.self, scope: Scope, deadline: Deadline
  ) async throws -> Response? {
    guard let key else { return nil }
    let rows = try await database.run(
      scope, deadline: deadline.instant,
      Self.touch(key.scope, key.caller, key.method, key.requestID))
    guard let stored = rows.first else { return nil }
    guard stored.requestHash == key.requestHash || key.alike.contains(stored.requestHash) else {
      throw RPCError(
        .invalidArgument, reason: "REQUEST_ID_REUSED",
        "this request_id was used for a request with other parameters",
        violations: [FieldViolation(field: "request_id", description: "was used already")])
    }
    return try Response(serialized: stored.response)
  }

  /// The row to put first in the pipeline of the change.
  public func record<Response: Message>(_ key: Key?, _ answer: Response) -> Query<NoRow> {
    guard let key else { return Self.nothing() }
    return Self.insert(
      key.scope, key.caller, key.method, key.requestID, key.requestHash, answer.serialized())
  }

  /// After a failed pipeline: the stored answer when it failed as a repeat, else the error again.
  public func rescue<Response: Message>(
    _ error: any Error, _ key: Key?, as: Response.Type = Response.self, scope: Scope,
    deadline: Deadline
  ) async throws -> Response {
    guard let key, (error as? PostgresError)?.constraint == Self.keyConstraint,
      let stored = try await replay(key, as: Response.self, scope: scope, deadline: deadline)
    else { throw error }
    return stored
  }

  /// Writes a change with its answer, all in one round trip, or gives the first answer again.
  ///
  /// - Parameters:
  ///   - answer: what the call answers; complete before the change, since ids and times are ours.
  ///   - queries: the change and its events.
  public func write<Response: Message>(
    _ key: Key?, scope: Scope, deadline: Deadline, answer: Response,
    _ queries: any AnyQueryConvertible...
  ) async throws -> Response {
    try await write(
      key, scope: scope, deadline: deadline, answer: answer, all: queries.map(\.erased))
  }

  /// The same for changes whose number is known only at run time.
  public func write<Response: Message>(
    _ key: Key?, scope: Scope, deadline: Deadline, answer: Response, all queries: [AnyQuery]
  ) async throws -> Response {
    do {
      try await database.run(
        scope, deadline: deadline.instant, all: [AnyQuery(record(key, answer))] + queries)
      return answer
    } catch {
      return try await rescue(error, key, scope: scope, deadline: deadline)
    }
  }
}

/// A row of `idempotency`.
private struct StoredAnswer: PostgresRow {
  let requestHash: [UInt8]
  let response: [UInt8]

  init(from columns: inout ColumnReader) throws(PostgresError) {
    requestHash = try columns.next([UInt8].self)
    response = try columns.next([UInt8].self)
  }
}
