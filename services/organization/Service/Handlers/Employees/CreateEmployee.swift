import CommonAPI
import Foundation
public import GRPC
public import OrganizationAPI
import ServiceKit

extension OrganizationService {
  /// Adds an employee and invites them (B76); a saga like `createOrganization`.
  public func createEmployee(
    _ request: CreateEmployeeRequest, in call: CallContext
  ) async throws -> Employee {
    let caller = try call.caller()
    let organizationID = try call.organization()
    let draft = try EmployeeDraft(validating: request)
    // A lower number is a higher profile. Nobody makes somebody more powerful than themselves.
    guard draft.profile.rawValue >= caller.profile.rawValue else {
      throw OrganizationError.profileAboveOwn
    }
    let intent = try Intent(request.requestID, organization: organizationID, in: call, for: request)
    if let earlier = try await storage.employees.replay(intent) { return earlier }
    let organization = try await storage.organizations.find(organizationID, deadline: call.deadline)
    let branchIDs = try draft.branches(among: organization.branchIDs, chosenBy: caller)
    let language = draft.language ?? organization.languages.first ?? "fr"

    let account = try await pendingAccount(
      of: draft.person, language: language, for: intent, in: call, rpc: "CreateEmployee",
      field: "email")
    CrashPoint.reach("organization.create-employee.after-account")

    let now = clock.now()
    let row = EmployeeRow(
      draft.person, organizationID: organizationID, employeeID: UUIDv7.make(at: now),
      accountID: account.id, username: account.username, profile: draft.profile,
      branchIDs: branchIDs, at: now)
    let job = EmployeeJob(
      row, jobID: intent.derived("invitation"), language: language,
      organizationName: organization.name)
    let answer = try await storage.employees.create(row, job: job, for: intent)
    CrashPoint.reach("organization.create-employee.after-commit")
    return answer
  }
}

/// An employee about to be added: parsed and valid input.
struct EmployeeDraft: Sendable {
  /// Most branches of one employee.
  private static let branchesMax = 100

  let person: PersonDraft
  let profile: Profile
  let branchIDs: [UUID]
  let language: String?

  /// Throws INVALID_ARGUMENT with every bad field; EMAIL_INVALID when the address is among them.
  init(validating request: CreateEmployeeRequest) throws {
    var errors = FieldErrors()
    var branchIDs: [UUID] = []
    for (index, text) in request.branchIDs.prefix(Self.branchesMax).enumerated() {
      if let id = Parse.uuid(text, "branch_ids[\(index)]", &errors), !branchIDs.contains(id) {
        branchIDs.append(id)
      }
    }
    if request.branchIDs.count > Self.branchesMax {
      errors.add("branch_ids", "has more than \(Self.branchesMax) branches")
    }
    switch request.profile {
    case .unspecified, .unrecognized: errors.add("profile", "is required")
    default: break
    }
    language =
      request.language.isEmpty ? nil : Parse.language(request.language, "language", &errors)
    let person = try PersonDraft(
      givenName: (request.givenName, "given_name"), familyName: (request.familyName, "family_name"),
      email: (request.email, "email"), for: "CreateEmployee", &errors)
    try errors.throwIfAny()
    guard let person else { throw RPCError(.internalError, "internal error") }
    self.person = person
    profile = request.profile
    self.branchIDs = branchIDs
  }

  /// Where the employee works: the branches asked for, or the only one there is. A super
  /// administrator without any works in all of them.
  func branches(among existing: [UUID], chosenBy caller: Caller) throws -> [UUID] {
    guard branchIDs.allSatisfy(existing.contains) else { throw OrganizationError.branchNotFound }
    let allowed =
      caller.profile == .superAdmin ? existing : existing.filter(caller.branchIDs.contains)
    guard branchIDs.allSatisfy(allowed.contains) else { throw OrganizationError.branchNotAllowed }
    if !branchIDs.isEmpty || profile == .superAdmin { return branchIDs }
    guard allowed.count == 1 else {
      var errors = FieldErrors()
      errors.add("branch_ids", "names at least one branch where there are several")
      try errors.throwIfAny()
      return []
    }
    return allowed
  }
}
