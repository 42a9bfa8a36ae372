import ClientDirectoryAPI
import CommonAPI
import Foundation
import GRPC
import OrganizationAPI
import ServiceKit
import TestKit
import Testing

@testable import ClientDirectoryCore

@Suite struct ResendInvitationTests {
  private func resend(
    _ harness: DirectoryHarness, _ client: Client, by caller: Caller,
    requestID: String = UUID().text
  ) async throws -> ResendInvitationResponse {
    try await harness.api.resendInvitation(
      ResendInvitationRequest(
        requestID: requestID, organizationID: caller.organization, clientID: client.clientID),
      options: caller.options)
  }

  @Test("an address added later is invited by hand (B25)", arguments: Depth.allCases)
  func first(depth: Depth) async throws {
    try await withDirectory(depth) { harness in
      let employee = harness.staff(.employee, of: harness.organization())
      let client = try await harness.create(by: employee)
      let refused = await refusal { try await resend(harness, client, by: employee) }
      #expect(refused?.code == .failedPrecondition)
      #expect(refused?.reason == "NO_PRIMARY_EMAIL")
      #expect(refused?.resolutions.first?.rpc.hasSuffix("/AddContactPoint") == true)

      _ = try await harness.add("julie@example.org", to: client, by: employee)
      let id = UUID().text
      let sent = try await resend(harness, client, by: employee, requestID: id)
      let repeated = try await resend(harness, client, by: employee, requestID: id)
      #expect(sent == ResendInvitationResponse(email: "julie@example.org", sendCount: 1))
      #expect(repeated == sent)
      #expect(harness.identity.sendings(of: client.clientID) == 1)
      #expect(try await harness.get(client.clientID, by: employee).accessState == .invited)
      let again = try await resend(harness, client, by: employee)
      #expect(again.sendCount == 2)
    }
  }

  @Test("a job that still waits and a professional in a hurry make one invitation")
  func overtaken() async throws {
    try await withDirectory { harness in
      let employee = harness.staff(.employee, of: harness.organization())
      let client = try await harness.create(by: employee, email: "julie@example.org")
      let sent = try await resend(harness, client, by: employee)
      #expect(sent.sendCount == 1)
      try await harness.invite()
      #expect(harness.identity.invitations.count == 1)
      #expect(harness.identity.sendings(of: client.clientID) == 1)
      #expect(try await harness.database.count("jobs") == 0)
    }
  }

  @Test("an address that another pending account holds: that account is invited, anew")
  func anotherAccount() async throws {
    try await withDirectory { harness in
      let employee = harness.staff(.employee, of: harness.organization())
      var client = try await harness.create(by: employee, email: "wrong@example.org")
      try await harness.invite()
      let holder = harness.identity.hold("right@example.org")
      client = try await harness.add("right@example.org", to: client, by: employee)
      #expect(client.accountID == holder)
      #expect(try await resend(harness, client, by: employee).email == "right@example.org")
      #expect(harness.identity.invited(client.clientID) == holder)
      #expect(try await resend(harness, client, by: employee).sendCount == 2)
    }
  }

  @Test("under blind disclosure a taken address is resent to like any other")
  func blind() async throws {
    try await withDirectory { harness in
      let employee = harness.staff(
        .employee, of: harness.organization { $0.emailDisclosure = .blind })
      harness.identity.take("taken@example.org", "EMAIL_ON_PLATFORM")
      for address in ["taken@example.org", "free@example.org"] {
        let client = try await harness.create(by: employee, email: "old-\(address)")
        try await harness.invite()
        let changed = try await harness.add(address, to: client, by: employee)
        #expect(changed.accountID == client.accountID, "\(address)")
        #expect(changed.username == client.username, "\(address)")
        #expect(changed.accessState == .invitable, "\(address)")
        #expect(!changed.emailSignsIn, "\(address)")
        let sent = try await resend(harness, client, by: employee)
        #expect(sent == ResendInvitationResponse(email: address, sendCount: 2))
        let reserved = harness.identity.reserved(by: client.accountID)
        #expect(reserved == (address == "free@example.org" ? address : ""))
      }
    }
  }

  @Test("acceptance says what signs in")
  func acceptedLogin() async throws {
    try await withDirectory { harness in
      let employee = harness.staff(.employee, of: harness.organization())
      let client = try await harness.create(by: employee, email: "julie@example.org")
      harness.identity.rename(client.accountID, "julie")
      try await harness.accept(client)
      #expect(try await harness.get(client.clientID, by: employee).username == "julie")
    }
  }

  @Test("a username-only client is invited at the secondary address")
  func usernameOnly() async throws {
    try await withDirectory { harness in
      let employee = harness.staff(.employee, of: harness.organization())
      harness.identity.take("t@example.org", "EMAIL_ON_PLATFORM")
      var client = try await harness.create(by: employee)
      client = try await harness.add(
        "old@example.org", .email, .secondary, to: client, by: employee)
      client = try await harness.add("t@example.org", to: client, by: employee) {
        $0.existingEmailResolution = .usernameOnly
      }
      #expect(try await resend(harness, client, by: employee).email == "t@example.org")
    }
  }

  @Test("not to who signs in already; the quota of identity reaches the caller")
  func refusals() async throws {
    try await withDirectory { harness in
      let employee = harness.staff(.employee, of: harness.organization())
      let client = try await harness.create(by: employee, email: "julie@example.org")
      harness.identity.fail(with: RPCError(.resourceExhausted, reason: "QUOTA", "enough"))
      let quota = await refusal { try await resend(harness, client, by: employee) }
      #expect(quota?.reason == "QUOTA")
      harness.identity.fail(with: nil)
      try await harness.accept(client)
      let read = try await harness.get(client.clientID, by: employee)
      #expect(read.accessState == .active)
      let active = await refusal { try await resend(harness, client, by: employee) }
      #expect(active?.code == .failedPrecondition)
      #expect(active?.reason == "ALREADY_ACTIVE")
      // What was about to be sent is not sent any more.
      try await harness.invite()
      #expect(harness.identity.invitations.isEmpty)
    }
  }

  @Test("who may", arguments: [Depth.inProcess, .http2])
  func permissions(depth: Depth) async throws {
    try await withDirectory(depth) { harness in
      let organization = harness.organization()
      let client = try await harness.create(
        by: harness.staff(.employee, of: organization), email: "julie@example.org")
      let reader = harness.staff(.readOnly, of: organization)
      #expect(
        await refusal { try await resend(harness, client, by: reader) }?.reason == "NOT_PERMITTED")
      let stranger = harness.staff(.superAdmin, of: harness.organization())
      let foreign = await refusal { try await resend(harness, client, by: stranger) }
      #expect(foreign?.reason == "CLIENT_NOT_FOUND")
      #expect(
        await refusal { try await resend(harness, client, by: .holder(of: client)) }?.reason
          == "STAFF_ONLY")
    }
  }
}
