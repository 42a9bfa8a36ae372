public import ClientDirectoryAPI
import Foundation
public import GRPC
import OrganizationAPI
import ServiceKit

extension ClientDirectoryService {
  /// Creates a client and, with an e-mail, has them invited (B1, B3, B4, B12 to B17).
  ///
  /// Without an e-mail nothing remote is asked beyond a cached policy. With one it is a saga:
  /// identity makes a pending account under a request id that a repeat derives again; then the file
  /// is stored at once with its news and the job that invites the client.
  public func createClient(
    _ request: CreateClientRequest, in call: CallContext
  ) async throws -> Client {
    let organizationID = try call.organization()
    let draft = try ClientDraft(validating: request)
    let intent = try Intent(request.requestID, organization: organizationID, in: call, for: request)
    let policy = try await organization.policy(in: call)
    guard draft.email != nil || !policy.emailRequired else {
      throw ClientDirectoryError.emailRequired
    }
    // Without an e-mail nothing remote is asked, and a repeat is found by the write itself.
    guard draft.email != nil else {
      return try await create(draft, under: policy, for: intent, in: call)
    }
    return try await storage.clients.once(intent) {
      try await create(draft, under: policy, for: intent, in: call)
    }
  }

  private func create(
    _ draft: ClientDraft, under policy: Policy, for intent: Intent, in call: CallContext
  ) async throws -> Client {
    let placement = try await placement(of: draft, under: policy, in: call)
    try await checkCaseManager(draft.caseManager, in: call)

    let now = clock.now()
    var row = ClientRow(
      draft, organizationID: intent.organization, clientID: UUIDv7.make(at: now),
      placement: placement,
      language: draft.language ?? policy.defaultLanguage, at: now)
    if let mobile = draft.mobile {
      row.put(
        ContactPointRow(
          contactPointID: UUIDv7.make(at: now), kind: .phone, rank: .primary, phoneType: .mobile,
          value: mobile.e164))
    }
    var job: InvitationJob?
    if let email = draft.email {
      let claim = try await claim(email, for: draft.claimant(row), under: policy, intent, call)
      CrashPoint.reach("client-directory.create-client.after-account")
      job = row.invite(claim, under: policy, jobID: intent.derived("invitation"), at: now)
    }
    do {
      let answer = try await storage.clients.create(row, job: job, for: intent)
      CrashPoint.reach("client-directory.create-client.after-commit")
      return answer
    } catch is EmailTakenInOrganization {
      throw ClientDirectoryError.emailInThisOrganization(.create, visible: nil)
    }
  }

  /// Throws NOT_FOUND/EMPLOYEE_NOT_FOUND unless the case manager works here.
  func checkCaseManager(_ manager: CaseManagerDraft, in call: CallContext) async throws {
    guard let employee = manager.employeeID, employee != call.verifiedCaller?.employeeID else {
      return
    }
    _ = try await organization.employee(employee, in: call)
  }
}

extension ClientDraft {
  /// For whom the address is claimed.
  fileprivate func claimant(_ row: ClientRow) -> EmailClaimant {
    EmailClaimant(
      person: (givenName, familyName, row.language), account: nil, clientID: nil,
      resolution: resolution, way: .create)
  }
}

extension ClientRow {
  /// Writes a claimed address into a new file; answers the job that invites the client, when the
  /// organisation invites on creation.
  fileprivate mutating func invite(
    _ claim: EmailClaim, under policy: Policy, jobID: UUID, at moment: Date
  ) -> InvitationJob? {
    let point = ContactPointRow(
      contactPointID: UUIDv7.make(at: moment), kind: .email, rank: claim.rank,
      value: claim.email.raw)
    _ = apply(claim, to: point, isNew: true)
    guard policy.invitesOnCreate else { return nil }
    accessState = .invited
    return InvitationJob(self, jobID: jobID, organizationName: policy.organizationName)
  }
}
