import CommonAPI
import Foundation
import GRPC
import IdentityAPI
import ServiceKit
import TestKit
import Testing

@testable import IdentityCore

@Suite struct AuditTests {
  @Test("each call that changes something leaves one row, any other none")
  func rows() async throws {
    try await withIdentity { identity in
      let watch = AuditWatch(
        IdentityServiceMethods.all, sensitive: ["MintInvitationLink"], in: identity.database)
      let organization = TestIdentity.id(), request = TestIdentity.id()
      let account = try await watch.changes("CreatePendingAccount") {
        try await identity.pending(organization: organization, request: request)
      }
      try await watch.leavesNothing("CreatePendingAccount, repeated; reads") {
        _ = try await identity.pending(organization: organization, request: request)
        _ = try await identity.client.getAccount(
          GetAccountRequest(accountID: account.accountID))
      }
      _ = try await watch.changes("ReserveLoginEmail") {
        try await identity.client.reserveLoginEmail(
          ReserveLoginEmailRequest(
            requestID: TestIdentity.id(), organizationID: organization,
            accountID: account.accountID, loginEmail: "ada@example.org"))
      }
      let token = try await invitation(of: account, in: organization, identity, watch)
      let accepted = TestIdentity.id()
      _ = try await watch.changes("AcceptInvitation") {
        try await identity.accept(token, request: accepted)
      }
      try await watch.leavesNothing("AcceptInvitation, repeated and refused") {
        _ = try await identity.accept(token, request: accepted)
        let refused = await refusal { try await identity.accept(token) }
        #expect(refused?.code == .failedPrecondition)
      }
      try await memberships(of: account, in: organization, identity, watch)
      try await sessions(of: account, identity, watch)
      #expect(watch.missing.isEmpty, "\(watch.missing)")
      let personal = try await identity.database.sql(
        "select 1 from identity.audit_log a where a::text ~* 'ada@|julie|example|tulips'")
      #expect(personal.isEmpty)
    }
  }

  /// The link of an invitation, the second one sent.
  private func invitation(
    of account: Account, in organization: String, _ identity: TestIdentity, _ watch: AuditWatch
  ) async throws -> String {
    let record = TestIdentity.id()
    let invited = try await watch.changes("CreateInvitation") {
      try await identity.invite(
        account, email: "ada@example.org", organization: organization, record: record)
    }
    let resend = ResendInvitationRequest(
      requestID: TestIdentity.id(), organizationID: organization, recordID: record)
    try await watch.leavesNothing("ResendInvitation, refused") {
      let refused = await refusal { try await identity.client.resendInvitation(resend) }
      #expect(refused?.reason == "QUOTA")
    }
    identity.clock.advance(120)
    let sent = try await watch.changes("ResendInvitation") {
      try await identity.client.resendInvitation(resend)
    }
    #expect(sent.invitationID == invited.invitationID)
    let token = try await watch.changes("MintInvitationLink") { try await identity.token(sent) }
    try await watch.leavesNothing("LookupInvitation") {
      try await identity.client.lookupInvitation(LookupInvitationRequest(token: token))
    }
    return token
  }

  private func memberships(
    of account: Account, in organization: String, _ identity: TestIdentity, _ watch: AuditWatch
  ) async throws {
    let request = TestIdentity.id()
    _ = try await watch.changes("PutMembership") {
      try await identity.staff(account, organization: organization, request: request)
    }
    try await watch.leavesNothing("PutMembership, refused") {
      let refused = await refusal {
        try await identity.staff(account, organization: organization)
      }
      #expect(refused?.reason == "STALE_VERSION")
    }
    let options = try identity.staffOptions(organization)
    _ = try await watch.changes("CheckIdentifier") {
      try await identity.client.checkIdentifier(
        CheckIdentifierRequest(organizationID: organization, identifier: "bob@example.org"),
        options: options)
    }
  }

  private func sessions(
    of account: Account, _ identity: TestIdentity, _ watch: AuditWatch
  ) async throws {
    let signedIn = try await watch.changes("SignIn") {
      try await identity.signIn("ada@example.org")
    }
    let session = try #require(signedIn.session)
    try await watch.leavesNothing("SignIn, refused; reads") {
      _ = await refusal { try await identity.signIn("ada@example.org", TestIdentity.other) }
      _ = try await identity.client.issueContextToken(
        IssueContextTokenRequest(sessionToken: signedIn.sessionToken))
      _ = try await identity.client.introspectSession(
        IntrospectSessionRequest(sessionToken: signedIn.sessionToken))
      _ = try await identity.client.getMe(GetMeRequest(), options: try identity.options(session))
    }
    _ = try await watch.changes("ChangePassword") {
      try await identity.client.changePassword(
        ChangePasswordRequest(
          requestID: TestIdentity.id(), currentPassword: TestIdentity.password,
          newPassword: TestIdentity.other),
        options: try identity.options(session))
    }
    _ = try await watch.changes("RecordAppInstallation") {
      try await identity.client.recordAppInstallation(
        RecordAppInstallationRequest(), options: try identity.options(session))
    }
    try await watch.leavesNothing("RecordAppInstallation, repeated") {
      try await identity.client.recordAppInstallation(
        RecordAppInstallationRequest(), options: try identity.options(session))
    }
    _ = try await watch.changes("SignOut") {
      try await identity.client.signOut(SignOutRequest(), options: try identity.options(session))
    }
    let rows = try await identity.database.sql(
      """
      select action, object_id, actor_account, organization_id from identity.audit_log
      where action like 'session.%' order by audit_id
      """)
    #expect(
      rows == [
        ["session.open", session.sessionID, account.accountID, nil],
        ["session.end", session.sessionID, account.accountID, nil],
      ])
  }
}
