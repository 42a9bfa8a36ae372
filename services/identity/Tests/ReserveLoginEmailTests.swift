import CommonAPI
import Foundation
import GRPC
import IdentityAPI
import ServiceKit
import TestKit
import Testing

@testable import IdentityCore

@Suite struct ReserveLoginEmailTests {
  private func reserve(
    _ identity: TestIdentity, _ account: Account, _ email: String, organization: String,
    request: String = TestIdentity.id()
  ) async throws -> Account {
    try await identity.client.reserveLoginEmail(
      ReserveLoginEmailRequest(
        requestID: request, organizationID: organization, accountID: account.accountID,
        loginEmail: email))
  }

  @Test("a pending account gets an address, and may get another", arguments: Depth.allCases)
  func reserved(depth: Depth) async throws {
    try await withIdentity(at: depth) { identity in
      let organization = TestIdentity.id()
      let account = try await identity.pending(organization: organization)
      let first = try await reserve(
        identity, account, "ada@example.org", organization: organization)
      #expect(first.accountID == account.accountID)
      #expect(first.loginEmail == "ada@example.org")
      let second = try await reserve(
        identity, account, "lovelace@example.org", organization: organization)
      #expect(second.loginEmail == "lovelace@example.org")
      // The first one is free again.
      let other = try await identity.pending("ada@example.org")
      #expect(other.accountID != account.accountID)
    }
  }

  @Test("links sent to the former address open no more; a resend opens the new one")
  func linksClosed() async throws {
    try await withIdentity { identity in
      let organization = TestIdentity.id(), record = TestIdentity.id()
      let account = try await identity.pending("wrong@example.org", organization: organization)
      let invitation = try await identity.invite(
        account, organization: organization, record: record)
      let token = try await identity.token(invitation)
      _ = try await reserve(identity, account, "right@example.org", organization: organization)
      let closed = await refusal { try await identity.accept(token) }
      #expect(closed?.reason == "INVITATION_EXPIRED")
      identity.clock.advance(61)
      let again = try await identity.client.resendInvitation(
        ResendInvitationRequest(
          requestID: TestIdentity.id(), organizationID: organization, recordID: record,
          email: "right@example.org"))
      _ = try await identity.accept(try await identity.token(again))
      _ = try await identity.signIn("right@example.org")
    }
  }

  @Test("an address of another pending account closes the former links; that one is invited anew")
  func heldElsewhere() async throws {
    try await withIdentity { identity in
      let organization = TestIdentity.id(), record = TestIdentity.id()
      let account = try await identity.pending("wrong@example.org", organization: organization)
      let invitation = try await identity.invite(
        account, organization: organization, record: record)
      let token = try await identity.token(invitation)
      let holder = try await identity.pending("right@example.org")
      _ = try await reserve(identity, account, "right@example.org", organization: organization)
      let closed = await refusal { try await identity.accept(token) }
      #expect(closed?.reason == "INVITATION_EXPIRED")
      identity.clock.advance(61)
      let resend = await refusal {
        try await identity.client.resendInvitation(
          ResendInvitationRequest(
            requestID: TestIdentity.id(), organizationID: organization, recordID: record,
            email: "right@example.org", accountID: holder.accountID))
      }
      #expect(resend?.reason == "INVITATION_NOT_FOUND")
      let anew = try await identity.invite(holder, organization: organization, record: record)
      #expect(anew.invitationID != invitation.invitationID)
      let old = await refusal { try await identity.accept(token) }
      #expect(old?.reason == "INVITATION_REVOKED")
      #expect(
        try await identity.accept(try await identity.token(anew)).accountID == holder.accountID)
    }
  }

  @Test("a released address closes its links; the account is invited anywhere, by its username")
  func released() async throws {
    try await withIdentity { identity in
      let organization = TestIdentity.id(), record = TestIdentity.id()
      let account = try await identity.pending("wrong@example.org", organization: organization)
      let invitation = try await identity.invite(
        account, organization: organization, record: record)
      let token = try await identity.token(invitation)
      let answer = try await reserve(identity, account, "", organization: organization)
      #expect(answer.accountID == account.accountID)
      #expect(answer.loginEmail.isEmpty)
      #expect(await refusal { try await identity.accept(token) }?.reason == "INVITATION_EXPIRED")
      identity.clock.advance(61)
      let again = try await identity.client.resendInvitation(
        ResendInvitationRequest(
          requestID: TestIdentity.id(), organizationID: organization, recordID: record,
          email: "taken@example.org", accountID: account.accountID))
      #expect(again.sendCount == 2)
      _ = try await identity.accept(try await identity.token(again))
      _ = try await identity.signIn(account.username)
      #expect(
        await refusal { try await identity.signIn("taken@example.org") }?.reason
          == "SIGN_IN_REFUSED")
      #expect(try await identity.pending("wrong@example.org").accountID != account.accountID)
    }
  }

  @Test("an account that becomes active meanwhile keeps its address")
  func overtaken() async throws {
    try await withIdentity { identity in
      let organization = TestIdentity.id()
      let account = try await identity.pending("ada@example.org", organization: organization)
      // Another transaction has proved the address and is about to commit.
      let database = identity.database
      async let activation = database.sql(
        """
        do $$ begin
          update identity.login_identifiers set state = 'VERIFIED', verified_at = now();
          update identity.accounts set state = 'ACTIVE', activated_at = now();
          perform pg_sleep(1);
        end $$
        """)
      try await Task.sleep(for: .milliseconds(400))
      let refused = await refusal {
        try await reserve(identity, account, "new@example.org", organization: organization)
      }
      #expect(refused?.reason == "LOGIN_EMAIL_OWNED_BY_HOLDER")
      _ = try await activation
    }
  }

  @Test("once the holder activated the account, the address is theirs (B47)")
  func ownedByHolder() async throws {
    try await withIdentity { identity in
      let organization = TestIdentity.id()
      let account = try await identity.active("ada@example.org", organization: organization)
      let refused = await refusal {
        try await reserve(identity, account, "new@example.org", organization: organization)
      }
      #expect(refused?.reason == "LOGIN_EMAIL_OWNED_BY_HOLDER")
      #expect(refused?.code == .failedPrecondition)
    }
  }

  @Test("an organisation cannot move an account that another one invited too")
  func shared() async throws {
    try await withIdentity { identity in
      let organization = TestIdentity.id()
      let account = try await identity.pending("ada@example.org", organization: organization)
      _ = try await identity.invite(account)
      let refused = await refusal {
        try await reserve(identity, account, "mine@example.org", organization: organization)
      }
      #expect(refused?.reason == "LOGIN_EMAIL_OWNED_BY_HOLDER")
    }
  }

  @Test("an organisation cannot move an account that another one made, and invites later")
  func madeElsewhere() async throws {
    try await withIdentity { identity in
      let maker = TestIdentity.id(), other = TestIdentity.id()
      let account = try await identity.pending("ada@example.org", organization: maker)
      // The same person comes to another organisation, whose file leads to the same account.
      let found = try await identity.pending("ada@example.org", organization: other)
      #expect(found.accountID == account.accountID)
      for address in ["mine@example.org", ""] {
        let refused = await refusal {
          try await reserve(identity, account, address, organization: other)
        }
        #expect(refused?.reason == "LOGIN_EMAIL_OWNED_BY_HOLDER")
      }
      let kept = try await identity.client.getAccount(
        GetAccountRequest(accountID: account.accountID))
      #expect(kept.loginEmail == "ada@example.org")
      // What it has is no change.
      _ = try await reserve(identity, account, "ada@example.org", organization: other)
      let moved = try await reserve(identity, account, "new@example.org", organization: maker)
      #expect(moved.loginEmail == "new@example.org")
    }
  }

  @Test("an address that is taken is refused, a reserved one leads to its account")
  func taken() async throws {
    try await withIdentity { identity in
      let organization = TestIdentity.id()
      let account = try await identity.pending(organization: organization)
      _ = try await identity.active("ada@example.org")
      let refused = await refusal {
        try await reserve(identity, account, "ada@example.org", organization: organization)
      }
      #expect(refused?.reason == "EMAIL_ON_PLATFORM")
      let holder = try await identity.pending("bob@example.org")
      let answered = try await reserve(
        identity, account, "bob@example.org", organization: organization)
      #expect(answered.accountID == holder.accountID)
    }
  }

  @Test("two reservations of one address at once: one account holds it")
  func raced() async throws {
    try await withIdentity { identity in
      let organization = TestIdentity.id()
      let accounts = [
        try await identity.pending(organization: organization),
        try await identity.pending(organization: organization),
      ]
      let answers = try await withThrowingTaskGroup(of: String.self) { group in
        for account in accounts {
          group.addTask {
            try await reserve(identity, account, "ada@example.org", organization: organization)
              .accountID
          }
        }
        return try await group.reduce(into: Set<String>()) { $0.insert($1) }
      }
      #expect(answers.count == 1)
      let rows = try await identity.database.sql(
        "select count(*) from identity.login_identifiers where kind = 'EMAIL'")
      #expect(rows == [["1"]])
    }
  }

  @Test("an unknown account is not found")
  func unknown() async throws {
    try await withIdentity { identity in
      let refused = await refusal {
        try await reserve(
          identity, Account(accountID: TestIdentity.id()), "a@example.org",
          organization: TestIdentity.id())
      }
      #expect(refused?.reason == "ACCOUNT_NOT_FOUND")
    }
  }
}
