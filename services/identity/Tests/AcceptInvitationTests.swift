import CommonAPI
import Foundation
import GRPC
import IdentityAPI
import TestKit
import Testing

@testable import IdentityCore

@Suite struct AcceptInvitationTests {
  @Test("active, signs in both ways, wears the hat (B40)", arguments: Depth.allCases)
  func accepted(depth: Depth) async throws {
    try await withIdentity(at: depth) { identity in
      let organization = TestIdentity.id(), record = TestIdentity.id()
      let account = try await identity.pending("ada@example.org", organization: organization)
      let token = try await identity.token(
        try await identity.invite(account, organization: organization, record: record))
      let answer = try await identity.accept(token)
      #expect(answer.accountID == account.accountID)
      #expect(answer.username == account.username)
      #expect(answer.loginEmail == "ada@example.org")
      #expect(answer.organizationID == organization)
      for name in ["Ada@Example.org", account.username.uppercased()] {
        let session = try #require(try await identity.signIn(name).session)
        #expect(session.accountID == account.accountID)
        #expect(session.memberships.count == 1)
        #expect(session.memberships.first?.hat == .client)
        #expect(session.memberships.first?.recordID == record)
        #expect(session.memberships.first?.organizationName == "Studio Nord")
      }
      #expect(
        try await identity.news() == [
          "invitation.created", "invitation.accepted", "account.activated", "membership.changed",
        ])
    }
  }

  @Test("a repeat is answered alike; another try is told that it was accepted")
  func repeated() async throws {
    try await withIdentity { identity in
      let token = try await identity.token(
        try await identity.invite(try await identity.pending("ada@example.org")))
      let request = TestIdentity.id()
      let first = try await identity.accept(token, request: request)
      #expect(try await identity.accept(token, request: request) == first)
      let refused = await refusal { try await identity.accept(token) }
      #expect(refused?.reason == "INVITATION_ACCEPTED")
      #expect(refused?.resolutions.first?.rpc == "clientele.identity.v1.IdentityService/SignIn")
    }
  }

  @Test("another password under the same request_id is refused; nothing stored tells one")
  func noSecrets() async throws {
    try await withIdentity { identity in
      let account = try await identity.pending("ada@example.org")
      let token = try await identity.token(try await identity.invite(account))
      let request = TestIdentity.id()
      _ = try await identity.accept(token, request: request)
      let refused = await refusal {
        try await identity.accept(token, password: TestIdentity.other, request: request)
      }
      #expect(refused?.reason == "REQUEST_ID_REUSED")
      let guess = AcceptInvitationRequest(
        requestID: request, token: token, password: TestIdentity.password)
      #expect(try await identity.storedHash(of: "AcceptInvitation") != guess.sha256)
    }
  }

  @Test("of many answers at once, one counts")
  func raced() async throws {
    try await withIdentity { identity in
      let token = try await identity.token(
        try await identity.invite(try await identity.pending("ada@example.org")))
      let reasons = await withTaskGroup(of: String.self) { group in
        for _ in 0..<8 {
          group.addTask {
            do {
              _ = try await identity.accept(token)
              return "accepted"
            } catch {
              return (error as? RPCError)?.reason ?? "\(error)"
            }
          }
        }
        return await group.reduce(into: [String: Int]()) { $0[$1, default: 0] += 1 }
      }
      #expect(reasons["accepted"] == 1)
      #expect(
        Set(reasons.keys).isSubset(
          of: [
            "accepted", "INVITATION_ACCEPTED", "CONCURRENT_CHANGE", "SIGN_IN_BUSY",
            "PASSWORD_WRONG",
          ]), "\(reasons)")
      #expect(try await identity.database.count("credentials") == 1)
    }
  }

  @Test(
    "a link that closes between its reading and the acceptance accepts nothing",
    arguments: ["INVITATION_SUPERSEDED", "INVITATION_EXPIRED"])
  func overtaken(reason: String) async throws {
    try await withIdentity { identity in
      let organization = TestIdentity.id()
      let account = try await identity.pending("ada@example.org", organization: organization)
      let invitation = try await identity.invite(account, organization: organization)
      let invitations = identity.service.storage.invitations
      let link = try #require(identity.links.link(try await identity.token(invitation)))
      identity.clock.advance(61)
      let now = identity.clock.now
      let page = try await invitations.page(link, at: now, deadline: .after(.seconds(5)))
      identity.clock.advance(5)
      if reason == "INVITATION_SUPERSEDED" {
        _ = try await identity.client.resendInvitation(
          ResendInvitationRequest(
            requestID: TestIdentity.id(), organizationID: organization,
            recordID: invitation.recordID))
      } else {
        _ = try await identity.client.reserveLoginEmail(
          ReserveLoginEmailRequest(
            requestID: TestIdentity.id(), organizationID: organization,
            accountID: account.accountID, loginEmail: "right@example.org"))
      }
      let request = try RequestKey(
        "", account: page.accountID,
        in: CallContext(method: IdentityServiceMethods.acceptInvitation),
        for: AcceptInvitationRequest())
      let refused = await #expect(throws: IdentityError.self) {
        _ = try await invitations.accept(
          link, page, password: nil, request: request, at: now, deadline: .after(.seconds(5)))
      }
      #expect(refused?.rpcError.reason == reason)
      #expect(
        try await identity.client.getAccount(GetAccountRequest(accountID: account.accountID))
          .state == .pending)
    }
  }

  @Test("a hat whose version cannot rise is refused, and identity lives on")
  func lastVersion() async throws {
    try await withIdentity { identity in
      let organization = TestIdentity.id()
      let account = try await identity.active("ada@example.org", organization: organization)
      try await identity.database.sql(
        "update identity.memberships set version = 9223372036854775807")
      let token = try await identity.token(
        try await identity.invite(account, organization: organization))
      let refused = await refusal { try await identity.accept(token) }
      #expect(refused?.reason == "CONCURRENT_CHANGE")
    }
  }

  @Test("an account that has a password is asked for that one")
  func knownAccount() async throws {
    try await withIdentity { identity in
      let account = try await identity.active("ada@example.org")
      let organization = TestIdentity.id()
      let token = try await identity.token(
        try await identity.invite(account, organization: organization))
      let wrong = await refusal {
        try await identity.accept(token, password: TestIdentity.other)
      }
      #expect(wrong?.reason == "PASSWORD_WRONG")
      #expect(wrong?.code == .permissionDenied)
      _ = try await identity.accept(token)
      let session = try await identity.signIn("ada@example.org").session
      #expect(session?.memberships.count == 2)
    }
  }

  @Test("two organisations invite one pending account; each is answered by itself")
  func twoOrganizations() async throws {
    try await withIdentity { identity in
      let account = try await identity.pending("ada@example.org")
      let first = try await identity.token(try await identity.invite(account))
      let second = try await identity.token(try await identity.invite(account))
      _ = try await identity.accept(first)
      _ = try await identity.accept(second)
      #expect(try await identity.signIn("ada@example.org").session?.memberships.count == 2)
    }
  }

  @Test("a username-only account signs in by username, not by the address it was told at (B8)")
  func usernameOnly() async throws {
    try await withIdentity { identity in
      let account = try await identity.pending()
      let answer = try await identity.accept(
        try await identity.token(
          try await identity.invite(account, email: "family@example.org")))
      #expect(answer.loginEmail.isEmpty)
      _ = try await identity.signIn(account.username)
      let refused = await refusal { try await identity.signIn("family@example.org") }
      #expect(refused?.reason == "SIGN_IN_REFUSED")
    }
  }

  @Test("joining the staff leaves the hat to organization")
  func joinStaff() async throws {
    try await withIdentity { identity in
      let organization = TestIdentity.id()
      let account = try await identity.pending(
        "pro@example.org", organization: organization, professional: true)
      _ = try await identity.staff(account, organization: organization)
      let token = try await identity.token(
        try await identity.invite(account, organization: organization, purpose: .joinStaff))
      _ = try await identity.accept(token)
      let session = try await identity.signIn("pro@example.org").session
      #expect(session?.memberships.map(\.hat) == [.staff])
    }
  }

  @Test(
    "passwords nobody may choose",
    arguments: [
      ("short", "PASSWORD_TOO_SHORT"), (String(repeating: "x7", count: 129), "PASSWORD_TOO_LONG"),
      ("password1", "PASSWORD_TOO_COMMON"), ("aaaaaaaa", "PASSWORD_TOO_COMMON"),
      ("Lovelace1815", "PASSWORD_TOO_COMMON"), ("ada.lovelace", "PASSWORD_TOO_COMMON"),
    ])
  func password(text: String, reason: String) async throws {
    try await withIdentity { identity in
      let account = try await identity.pending(
        "countess@example.org", given: "Ada", family: "Lovelace")
      let token = try await identity.token(try await identity.invite(account))
      let refused = await refusal { try await identity.accept(token, password: text) }
      #expect(refused?.reason == reason)
      #expect(refused?.code == .invalidArgument)
      // The link still opens.
      _ = try await identity.accept(token, password: "clientele-demo-password")
    }
  }
}
