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

  /// The key of a call about an organisation's rows. An empty id means that a repeat counts as a
  /// new call. Throws INVALID_ARGUMENT/REQUEST_ID_INVALID when the id is no UUID.
  ///
  /// - Parameter request: what is hashed: a copy without its secrets where there are some.
  init<Request: Message>(
    _ requestID: String, organization: UUID, in call: CallContext, for request: Request
  ) throws {
    key = try Idempotency.key(requestID, scope: organization, in: call, for: request)
    scope = .organization(organization)
  }

  /// The key of a call about a person's own rows.
  init<Request: Message>(
    _ requestID: String, account: UUID, in call: CallContext, for request: Request
  ) throws {
    key = try Idempotency.key(requestID, scope: account, in: call, for: request)
    scope = .account(account)
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
