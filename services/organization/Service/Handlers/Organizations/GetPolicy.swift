public import GRPC
public import OrganizationAPI
import ServiceKit

extension OrganizationService {
  /// The rules the caller's organisation works by.
  public func getPolicy(
    _ request: GetPolicyRequest, in call: CallContext
  ) async throws -> Policy {
    let organization = try call.organization()
    return Policy(try await storage.organizations.find(organization, deadline: call.deadline))
  }
}
