import ClientDirectoryAPI
import CommonAPI
import Foundation
import GRPC
import IdentityAPI
import OrganizationAPI
import ServiceKit
import Synchronization
import TestKit
import Testing

@testable import ClientDirectoryCore

@Suite struct CreateClientTests {
  @Test(
    "with an e-mail: a login, the creator as stakeholder, an invitation (B4, B7, B16)",
    arguments: Depth.allCases)
  func withEmail(depth: Depth) async throws {
    try await withDirectory(depth) { harness in
      let organization = harness.organization()
      let employee = harness.staff(.employee, of: organization)
      let client = try await harness.create(by: employee, email: "Julie@Example.org") {
        $0.mobilePhone = "0032 470 12 34 56"
        $0.labels = ["vip", "vip", "2026"]
        $0.caseManager = CaseManager(who: .name("Dr Who"))
        $0.address = PostalAddress(street: "Rue Haute", city: "Namur", country: "BE")
      }
      #expect(client.accessState == .invited)
      #expect(client.emailSignsIn)
      #expect(client.username.hasPrefix("Julie_Example"))
      #expect(client.language == "nl-BE")
      #expect(client.stakeholderIDs == [employee.employee])
      #expect(client.branchID == organization.branches[0].text)
      #expect(client.contactPoints.map(\.value) == ["Julie@Example.org", "+32470123456"])
      #expect(client.contactPoints.allSatisfy { $0.rank == .primary })
      #expect(client.labels == ["vip", "2026"])
      #expect(try await harness.get(client.clientID, by: employee) == client)
      #expect(try await harness.database.count("events") == 1)
      try await harness.invite()
      let invitation = try #require(harness.identity.invitations.first)
      #expect(harness.identity.invitations.count == 1)
      #expect(invitation.email == "Julie@Example.org")
      #expect(invitation.recordID == client.clientID)
      #expect(invitation.organizationName == "Praktijk")
      #expect(invitation.language == "nl-BE")
      #expect(try await harness.database.count("jobs") == 0)
    }
  }

  @Test(
    "no e-mail is a choice that is confirmed, and asks nothing of identity (B12, B17)",
    arguments: Depth.allCases)
  func withoutEmail(depth: Depth) async throws {
    try await withDirectory(depth) { harness in
      let employee = harness.staff(.employee, of: harness.organization())
      let refused = await refusal {
        try await harness.create(by: employee) { $0.noEmailConfirmed = false }
      }
      #expect(refused?.code == .invalidArgument)
      #expect(refused?.reason == "NO_EMAIL_NOT_CONFIRMED")
      let way = refused?.resolutions.first { $0.fields == ["noEmailConfirmed": "true"] }
      #expect(way?.rpc == "clientele.client_directory.v1.ClientDirectoryService/CreateClient")
      let client = try await harness.create(by: employee) {
        ($0.givenName, $0.familyName) = ("Zoë", "D'Æble-Ürün")
      }
      #expect(client.accessState == .noLogin)
      #expect(client.accountID.isEmpty)
      #expect(client.username.isEmpty)
      #expect(harness.identity.calls == 0)
      #expect(try await harness.get(client.clientID, by: employee) == client)
      let copies = try await harness.database.sql(
        """
        select c.sort_key = s.sort_key from client_directory.clients c
        join client_directory.stakeholders s using (organization_id, client_id)
        """)
      #expect(copies == [["t"]])
    }
  }

  @Test("an organisation may insist on an e-mail")
  func emailRequired() async throws {
    try await withDirectory { harness in
      let employee = harness.staff(
        .employee, of: harness.organization { $0.emailRequired = true })
      let refused = await refusal { try await harness.create(by: employee) }
      #expect(refused?.reason == "EMAIL_REQUIRED")
      #expect(refused?.resolutions.isEmpty == false)
    }
  }

  @Test(
    "valid comes first, then this organisation, then the platform (B36)",
    arguments: Depth.allCases)
  func order(depth: Depth) async throws {
    try await withDirectory(depth) { harness in
      let employee = harness.staff(.employee, of: harness.organization())
      let invalid = await refusal {
        try await harness.create(by: employee, email: "not an address") { $0.givenName = "" }
      }
      #expect(invalid?.code == .invalidArgument)
      #expect(invalid?.reason == "EMAIL_INVALID")
      #expect(invalid?.violations.first?.field == "email")
      #expect(invalid?.resolutions.first?.rpc.hasSuffix("/CreateClient") == true)

      let first = try await harness.create(by: employee, email: "julie@example.org")
      harness.identity.take("julie@example.org", "EMAIL_ON_PLATFORM")
      let here = await refusal {
        try await harness.create(by: employee, email: "JULIE@EXAMPLE.ORG")
      }
      #expect(here?.code == .alreadyExists)
      #expect(here?.reason == "EMAIL_IN_THIS_ORG")
      #expect(here?.resolutions.first?.rpc.hasSuffix("/GetClient") == true)
      #expect(here?.resolutions.first?.fields == ["clientId": first.clientID])
    }
  }

  @Test("who may not see the other file is not told which it is")
  func hiddenHolder() async throws {
    try await withDirectory { harness in
      let organization = harness.organization()
      _ = try await harness.create(
        by: harness.staff(.employee, of: organization), email: "julie@example.org")
      let colleague = harness.staff(.employee, of: organization)
      let here = await refusal {
        try await harness.create(by: colleague, email: "julie@example.org")
      }
      #expect(here?.reason == "EMAIL_IN_THIS_ORG")
      #expect(here?.resolutions.allSatisfy { $0.fields["clientId"] == nil } == true)
    }
  }

  @Test(
    "somebody's address and a professional's are refused apart, then taken username-only",
    arguments: ["EMAIL_ON_PLATFORM", "EMAIL_PROFESSIONAL"])
  func taken(reason: String) async throws {
    try await withDirectory { harness in
      harness.identity.take("julie@example.org", reason)
      let employee = harness.staff(.employee, of: harness.organization())
      let refused = await refusal {
        try await harness.create(by: employee, email: "julie@example.org")
      }
      #expect(refused?.code == .alreadyExists)
      #expect(refused?.reason == reason)
      let keys = refused?.resolutions.map(\.labelKey) ?? []
      #expect(keys.contains { $0.contains("professional") } == (reason == "EMAIL_PROFESSIONAL"))
      let way = ["existingEmailResolution": "EXISTING_EMAIL_RESOLUTION_USERNAME_ONLY"]
      #expect(refused?.resolutions.contains { $0.fields == way } == true)
      #expect(try await harness.database.count("clients") == 0)

      let client = try await harness.create(by: employee, email: "julie@example.org") {
        $0.existingEmailResolution = .usernameOnly
      }
      #expect(client.contactPoints.map(\.rank) == [.secondary])
      #expect(!client.emailSignsIn)
      #expect(!client.username.isEmpty)
      #expect(client.accessState == .invited)
      try await harness.invite()
      #expect(harness.identity.invitations.first?.email == "julie@example.org")
      #expect(harness.identity.state.withLock { $0.accounts[client.accountID]?.loginEmail } == "")
    }
  }

  @Test("a family shares an address: the second of them signs in with a username (B8)")
  func family() async throws {
    try await withDirectory { harness in
      let employee = harness.staff(.employee, of: harness.organization())
      _ = try await harness.create(by: employee, email: "home@example.org")
      let second = try await harness.create(by: employee, email: "home@example.org") {
        $0.existingEmailResolution = .usernameOnly
      }
      #expect(second.contactPoints.map(\.rank) == [.secondary])
      #expect(harness.identity.accountCount == 2)
    }
  }

  @Test("under blind disclosure a taken address looks like any other")
  func blind() async throws {
    try await withDirectory { harness in
      let employee = harness.staff(
        .employee, of: harness.organization { $0.emailDisclosure = .blind })
      harness.identity.take("taken@example.org", "EMAIL_PROFESSIONAL")
      var taken = try await harness.create(by: employee, email: "taken@example.org")
      var free = try await harness.create(by: employee, email: "free@example.org")
      #expect(harness.identity.state.withLock { $0.accounts[taken.accountID]?.loginEmail } == "")
      for client in [taken, free] {
        #expect(client.accessState == .invited)
        #expect(client.contactPoints.map(\.rank) == [.primary])
        #expect(!client.emailSignsIn)
      }
      try await harness.accept(free)
      try await harness.accept(taken)
      free = try await harness.get(free.clientID, by: employee)
      taken = try await harness.get(taken.clientID, by: employee)
      #expect(free.emailSignsIn && free.accessState == .active)
      #expect(!taken.emailSignsIn && taken.accessState == .active)
    }
  }

  @Test("nothing is sent where the organisation invites by hand")
  func manual() async throws {
    try await withDirectory { harness in
      for trigger in [InvitationTrigger.manual, .onQuestionnaire] {
        let employee = harness.staff(
          .employee, of: harness.organization { $0.invitationTrigger = trigger })
        let client = try await harness.create(by: employee, email: "\(UUID().text)@example.org")
        #expect(client.accessState == .invitable)
      }
      #expect(try await harness.database.count("jobs") == 0)
    }
  }
}
