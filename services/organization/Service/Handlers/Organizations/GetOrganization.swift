public import GRPC
public import OrganizationAPI
import ServiceKit

extension OrganizationService {
  /// The caller's organisation.
  public func getOrganization(
    _ request: GetOrganizationRequest, in call: CallContext
  ) async throws -> Organization {
    let organization = try call.organization()
    return Organization(try await storage.organizations.find(organization, deadline: call.deadline))
  }
}
