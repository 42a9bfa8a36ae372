import Foundation
import GRPC
import Protobuf
import ServiceKit
import ServiceStorage

/// What a mutating call is meant to do once, however often it is made.
struct Intent: Sendable {
  let organization: UUID
  let key: Idempotency.Key?
  let deadline: Deadline
  /// Stands for the intent in calls made on its behalf; see `derived(_:)`.
  private let seed: UUID

  /// - Throws: INVALID_ARGUMENT/REQUEST_ID_INVALID.
  init<Request: Message>(
    _ requestID: String, organization: UUID, in call: CallContext, for request: Request
  ) throws {
    self.organization = organization
    deadline = call.deadline
    key = try Idempotency.key(requestID, scope: organization, in: call, for: request)
    seed = key.map { $0.requestID.derived("\(organization.text) \($0.caller)") } ?? UUIDv7.make()
  }

  /// The request id of a call made on behalf of this one: the same when this one is repeated.
  func derived(_ label: String) -> UUID { seed.derived(label) }
}
