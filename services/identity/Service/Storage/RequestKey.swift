import CommonAPI
import Foundation
import GRPC
import Postgres
import Protobuf
import ServiceKit
import ServiceStorage

/// What makes a call safe to repeat, and whose rows its stored answer is among.
struct RequestKey: Sendable {
  let key: Idempotency.Key?
  let scope: Scope
  /// Who is on record for what it does.
  let actor: AuditActor

  /// The key of a call about an organisation's rows. An empty id means that a repeat counts as a
  /// new call. Throws INVALID_ARGUMENT/REQUEST_ID_INVALID when the id is no UUID.
  ///
  /// - Parameter request: what is hashed: a copy without its secrets where there are some.
  init<Request: Message>(
    _ requestID: String, organization: UUID, in call: CallContext, for request: Request
  ) throws {
    key = try Idempotency.key(requestID, scope: organization, in: call, for: request)
    scope = .organization(organization)
    actor = AuditActor(call)
  }

  /// The key of a call about a person's own rows.
  init<Request: Message>(
    _ requestID: String, account: UUID, in call: CallContext, for request: Request
  ) throws {
    key = try Idempotency.key(requestID, scope: account, in: call, for: request)
    scope = .account(account)
    actor = AuditActor(call)
  }

  /// The query that puts on record what the call did.
  ///
  /// - Parameter account: the person the call made known, where it came without one.
  func audit(
    _ action: String, on kind: String, _ id: UUID, in organization: UUID?, by account: UUID? = nil,
    _ detail: [String: String] = [:]
  ) -> AnyQuery {
    Audit.append(
      AuditEntry(
        action, on: kind, id, in: organization,
        by: account.map(actor.known) ?? actor, requestID: key?.requestID, detail: detail))
  }
}

extension Idempotency {
  /// Runs a change. When it is refused, or was made before under the same key, the first answer is
  /// given again if there is one: a fresh call asks nothing, a repeat is answered alike whatever
  /// became of the rows since.
  ///
  /// - Parameter isCostly: looks for a first answer before the change as well, for changes that
  ///   hash passwords.
  func repeatable<Answer: Message>(
    _ request: RequestKey, deadline: Deadline, isCostly: Bool = false,
    _ change: () async throws -> Answer
  ) async throws -> Answer {
    if isCostly,
      let first = try await replay(
        request.key, as: Answer.self, scope: request.scope, deadline: deadline)
    {
      return first
    }
    do {
      return try await change()
    } catch let refusal as IdentityError {
      guard
        let first = try await replay(
          request.key, as: Answer.self, scope: request.scope, deadline: deadline)
      else { throw refusal }
      return first
    } catch {
      return try await rescue(error, request.key, scope: request.scope, deadline: deadline)
    }
  }
}
