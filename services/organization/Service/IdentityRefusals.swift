import CommonAPI
import GRPC

/// What identity's refusals of an address mean here.
///
/// - Parameters:
///   - rpc: the rpc of this service to repeat with another address.
///   - field: the field of its request that held the address.
/// - Throws: an `OrganizationError` for what is understood; faults of the moment as they came;
///   INTERNAL for the rest, since it would only puzzle the caller.
func translatingRefusals<Answer: Sendable>(
  of rpc: String, field: String, _ body: () async throws -> Answer
) async throws -> Answer {
  do {
    return try await body()
  } catch let error as RPCError {
    switch error.reason {
    case "EMAIL_ON_PLATFORM": throw OrganizationError.emailOnPlatform(rpc: rpc, field: field)
    case "EMAIL_PROFESSIONAL": throw OrganizationError.emailProfessional(rpc: rpc, field: field)
    case "EMAIL_INVALID":
      throw OrganizationError.emailInvalid(
        rpc: rpc, [FieldViolation(field: field, description: "is no e-mail address")])
    default: break
    }
    switch error.code {
    case .unavailable, .deadlineExceeded, .resourceExhausted, .cancelled, .aborted: throw error
    default: throw RPCError(.internalError, "identity answered \(error.code.name)")
    }
  }
}
