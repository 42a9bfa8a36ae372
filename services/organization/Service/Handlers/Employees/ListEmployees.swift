import Foundation
public import GRPC
public import OrganizationAPI
import ServiceKit

extension OrganizationService {
  /// The employees of the caller's organisation, by family and given name.
  public func listEmployees(
    _ request: ListEmployeesRequest, in call: CallContext
  ) async throws -> ListEmployeesResponse {
    let organization = try call.organization()
    var errors = FieldErrors()
    let size = Parse.pageSize(request.pageSize, &errors)
    try errors.throwIfAny()
    let filters = ["employees", organization.text]
    var after = (sortKey: "", employeeID: UUID.first)
    if !request.pageToken.isEmpty {
      guard let token = PageToken(request.pageToken, filters: filters, keyCount: 2),
        let id = UUID(uuidString: token.keys[1])
      else { throw OrganizationError.pageTokenInvalid }
      after = (token.keys[0], id)
    }

    // One more than shown says whether there is a next page.
    let rows = try await storage.employees.page(
      of: organization, after: after, limit: size + 1, deadline: call.deadline)
    var response = ListEmployeesResponse(employees: rows.prefix(size).map(Employee.init))
    if rows.count > size, let last = rows.prefix(size).last {
      response.nextPageToken = PageToken(keys: [last.sortKey, last.employeeID.text])
        .text(filters: filters)
    }
    return response
  }
}

extension UUID {
  /// Before every id that is ever made.
  static let first = UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
}
