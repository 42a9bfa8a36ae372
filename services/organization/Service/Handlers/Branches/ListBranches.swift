public import GRPC
public import OrganizationAPI
import ServiceKit

extension OrganizationService {
  /// The branches of the caller's organisation, by name.
  public func listBranches(
    _ request: ListBranchesRequest, in call: CallContext
  ) async throws -> ListBranchesResponse {
    let organization = try call.organization()
    var errors = FieldErrors()
    let size = Parse.pageSize(request.pageSize, &errors)
    try errors.throwIfAny()
    let filters = ["branches", organization.text]
    var after = ""
    if !request.pageToken.isEmpty {
      guard let token = PageToken(request.pageToken, filters: filters, keyCount: 1) else {
        throw OrganizationError.pageTokenInvalid
      }
      after = token.keys[0]
    }

    // One more than shown says whether there is a next page.
    let rows = try await storage.branches.page(
      of: organization, after: after, limit: size + 1, deadline: call.deadline)
    var response = ListBranchesResponse(branches: rows.prefix(size).map(Branch.init))
    if rows.count > size, let last = rows.prefix(size).last {
      response.nextPageToken = PageToken(keys: [last.sortKey]).text(filters: filters)
    }
    return response
  }
}
