public import GRPC
public import OrganizationAPI
import ServiceKit

extension OrganizationService {
  /// One employee of the caller's organisation.
  public func getEmployee(
    _ request: GetEmployeeRequest, in call: CallContext
  ) async throws -> Employee {
    let organization = try call.organization()
    var errors = FieldErrors()
    let employee = Parse.uuid(request.employeeID, "employee_id", &errors)
    try errors.throwIfAny()
    guard let employee else { throw OrganizationError.employeeNotFound }
    return Employee(
      try await storage.employees.find(employee, of: organization, deadline: call.deadline))
  }
}
