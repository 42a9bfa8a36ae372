import Foundation
import GRPC
import Postgres
import Protobuf
import ServiceKit
import ServiceStorage

/// What a mutating call is meant to do once, however often it is made.
struct Intent: Sendable {
  let organization: UUID
  let key: Idempotency.Key?
  let deadline: Deadline
  /// Who is on record for what it does.
  let actor: AuditActor
  /// Stands for the intent in calls made on its behalf; see `derived(_:)`.
  private let seed: UUID

  /// - Throws: INVALID_ARGUMENT/REQUEST_ID_INVALID.
  init<Request: Message>(
    _ requestID: String, organization: UUID, in call: CallContext, for request: Request,
    or alike: [Request] = []
  ) throws {
    self.organization = organization
    deadline = call.deadline
    actor = AuditActor(call)
    key = try Idempotency.key(requestID, scope: organization, in: call, for: request, or: alike)
    seed = key.map { $0.requestID.derived("\(organization.text) \($0.caller)") } ?? UUIDv7.make()
  }

  /// The request id of a call made on behalf of this one: the same when this one is repeated.
  func derived(_ label: String) -> UUID { seed.derived(label) }

  /// The query that puts on record what it did.
  func audit(
    _ action: String, on kind: String, _ id: UUID, _ detail: [String: String] = [:]
  ) -> AnyQuery {
    Audit.append(
      AuditEntry(
        action, on: kind, id, in: organization, by: actor, requestID: key?.requestID,
        detail: detail))
  }
}
