import CommonAPI
import Foundation
public import GRPC
import IdentityAPI
public import OrganizationAPI
import ServiceKit

extension OrganizationService {
  /// Opens an organisation with its first branch and its first administrator.
  ///
  /// A saga: identity makes a pending account under a request id that a repeat derives again; then
  /// everything of this service is stored at once, with the job that invites the administrator.
  public func createOrganization(
    _ request: CreateOrganizationRequest, in call: CallContext
  ) async throws -> Organization {
    let draft = try OrganizationDraft(validating: request)
    var errors = FieldErrors()
    let requestID = Parse.uuid(request.requestID, "request_id", &errors)
    try errors.throwIfAny()
    guard let organizationID = requestID?.derived("organization") else {
      throw OrganizationError.organizationNotFound
    }
    let intent = try Intent(request.requestID, organization: organizationID, in: call, for: request)
    if let earlier = try await storage.organizations.replay(intent) { return earlier }

    let account = try await pendingAccount(
      of: draft.administrator, language: draft.languages.first ?? "fr", for: intent, in: call,
      rpc: "CreateOrganization", field: "administrator_email")
    CrashPoint.reach("organization.create-organization.after-account")

    let now = clock.now()
    let branch = BranchRow(
      organizationID: organizationID, branchID: UUIDv7.make(at: now), name: draft.branchName,
      createdAt: now)
    let row = OrganizationRow(
      draft, organizationID: organizationID, branchID: branch.branchID, at: now)
    let administrator = EmployeeRow(
      draft.administrator, organizationID: organizationID, employeeID: UUIDv7.make(at: now),
      accountID: account.id, username: account.username, profile: .superAdmin, branchIDs: [],
      at: now)
    let job = EmployeeJob(
      administrator, jobID: intent.derived("invitation"), language: draft.languages.first ?? "fr",
      organizationName: draft.name)
    let answer = try await storage.organizations.open(
      row, branch: branch, administrator: administrator, job: job, for: intent)
    CrashPoint.reach("organization.create-organization.after-commit")
    return answer
  }

  /// Asks identity for an account that waits for its holder, the same one at each repeat.
  func pendingAccount(
    of person: PersonDraft, language: String, for intent: Intent, in call: CallContext,
    rpc: String, field: String
  ) async throws -> (id: UUID, username: String) {
    let account = try await translatingRefusals(of: rpc, field: field) {
      try await identity.createPendingAccount(
        CreatePendingAccountRequest(
          requestID: intent.derived("account").text, organizationID: intent.organization.text,
          givenName: person.givenName, familyName: person.familyName,
          loginEmail: person.email.raw, language: language, professional: true),
        options: call.onward())
    }
    guard let id = UUID(uuidString: account.accountID) else {
      throw RPCError(.internalError, "identity answered no account")
    }
    return (id, account.username)
  }
}
