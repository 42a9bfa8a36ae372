public import GRPC
public import OrganizationAPI
import ServiceKit

extension OrganizationService {
  /// Adds a branch.
  public func createBranch(
    _ request: CreateBranchRequest, in call: CallContext
  ) async throws -> Branch {
    let organization = try call.organization()
    var errors = FieldErrors()
    let name = Parse.text(request.name, "name", 1...200, &errors)
    try errors.throwIfAny()
    let intent = try Intent(request.requestID, organization: organization, in: call, for: request)

    let now = clock.now()
    return try await storage.branches.create(
      BranchRow(
        organizationID: organization, branchID: UUIDv7.make(at: now), name: name ?? "",
        createdAt: now),
      for: intent)
  }
}
