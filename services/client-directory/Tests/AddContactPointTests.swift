import ClientDirectoryAPI
import CommonAPI
import Foundation
import GRPC
import IdentityAPI
import ServiceKit
import Synchronization
import TestKit
import Testing

@testable import ClientDirectoryCore

extension DirectoryHarness {
  /// Adds a contact point on behalf of a caller.
  func add(
    _ value: String, _ kind: ContactKind = .email, _ rank: ContactRank = .primary,
    to client: Client, by caller: Caller,
    change: (inout AddContactPointRequest) -> Void = { _ in }
  ) async throws -> Client {
    var request = AddContactPointRequest(
      requestID: UUID().text, organizationID: caller.organization, clientID: client.clientID,
      kind: kind, rank: rank, value: value)
    change(&request)
    return try await api.addContactPoint(request, options: caller.options)
  }
}

@Suite struct AddContactPointTests {
  @Test(
    "a primary e-mail makes a client invitable; nothing is sent (B13, B23 to B25)",
    arguments: Depth.allCases)
  func primaryEmail(depth: Depth) async throws {
    try await withDirectory(depth) { harness in
      let employee = harness.staff(.employee, of: harness.organization())
      let client = try await harness.create(by: employee)
      let changed = try await harness.add("julie@example.org", to: client, by: employee)
      #expect(changed.accessState == .invitable)
      #expect(changed.emailSignsIn)
      #expect(!changed.accountID.isEmpty)
      #expect(!changed.username.isEmpty)
      #expect(try await harness.get(client.clientID, by: employee) == changed)
      try await harness.invite()
      #expect(harness.identity.invitations.isEmpty)

      // Another one takes its place as the login of the same account.
      let moved = try await harness.add("new@example.org", to: changed, by: employee)
      #expect(moved.accountID == changed.accountID)
      #expect(moved.contactPoints.map(\.value) == ["new@example.org", "julie@example.org"])
      #expect(moved.contactPoints.map(\.rank) == [.primary, .secondary])
      #expect(
        harness.identity.state.withLock { $0.accounts[moved.accountID]?.loginEmail }
          == "new@example.org")
    }
  }

  @Test("a secondary e-mail unlocks nothing and may be anybody's (B24)")
  func secondaryEmail() async throws {
    try await withDirectory { harness in
      let employee = harness.staff(.employee, of: harness.organization())
      harness.identity.take("home@example.org", "EMAIL_ON_PLATFORM")
      let client = try await harness.create(by: employee)
      let changed = try await harness.add(
        "home@example.org", .email, .secondary, to: client, by: employee)
      #expect(changed.accessState == .noLogin)
      #expect(harness.identity.calls == 0)
      let again = await refusal {
        try await harness.add("HOME@example.org", .email, .secondary, to: client, by: employee)
      }
      #expect(again?.code == .alreadyExists)
      #expect(again?.reason == "CONTACT_POINT_EXISTS")
    }
  }

  @Test("a number that is there takes the type that is said now, and nothing else (B28)")
  func phoneType() async throws {
    try await withDirectory { harness in
      let employee = harness.staff(.employee, of: harness.organization())
      let client = try await harness.create(by: employee)
      let plain = try await harness.add(
        "+32470123456", .phone, .secondary, to: client, by: employee)
      _ = try await harness.add("+3225550100", .phone, .primary, to: client, by: employee)
      let mobile = try await harness.add(
        "+32 470 12 34 56", .phone, .secondary, to: client, by: employee
      ) { $0.phoneType = .mobile }
      #expect(mobile.contactPoints.map(\.phoneType) == [.unspecified, .mobile])
      #expect(
        mobile.contactPoints.last?.contactPointID == plain.contactPoints.first?.contactPointID)
      #expect(try await harness.get(client.clientID, by: employee) == mobile)

      for type in [PhoneType.unspecified, .mobile] {
        let again = await refusal {
          try await harness.add("+32470123456", .phone, .primary, to: client, by: employee) {
            $0.phoneType = type
          }
        }
        #expect(again?.reason == "CONTACT_POINT_EXISTS")
      }
      let home = try await harness.add("+32470123456", .phone, .primary, to: client, by: employee) {
        $0.phoneType = .home
      }
      #expect(home.contactPoints.map(\.value) == ["+32470123456", "+3225550100"])
      #expect(home.contactPoints.map(\.rank) == [.primary, .secondary])
      #expect(home.contactPoints.map(\.phoneType) == [.home, .unspecified])
      #expect(try await harness.get(client.clientID, by: employee) == home)
    }
  }

  @Test(
    "the checks of creation hold for a later address too (B29)",
    arguments: ["EMAIL_IN_THIS_ORG", "EMAIL_ON_PLATFORM", "EMAIL_PROFESSIONAL"])
  func taken(reason: String) async throws {
    try await withDirectory { harness in
      let employee = harness.staff(.employee, of: harness.organization())
      if reason == "EMAIL_IN_THIS_ORG" {
        _ = try await harness.create(by: employee, email: "taken@example.org")
      } else {
        harness.identity.take("taken@example.org", reason)
      }
      let client = try await harness.create(by: employee)
      let refused = await refusal {
        try await harness.add("taken@example.org", to: client, by: employee)
      }
      #expect(refused?.code == .alreadyExists)
      #expect(refused?.reason == reason)
      let way = refused?.resolutions.first {
        $0.fields == ["existingEmailResolution": "EXISTING_EMAIL_RESOLUTION_USERNAME_ONLY"]
      }
      #expect(way?.rpc.hasSuffix("/AddContactPoint") == true)
      #expect(try await harness.get(client.clientID, by: employee) == client)

      let changed = try await harness.add("taken@example.org", to: client, by: employee) {
        $0.existingEmailResolution = .usernameOnly
      }
      #expect(changed.contactPoints.map(\.rank) == [.secondary])
      #expect(changed.accessState == .invitable)
      #expect(!changed.username.isEmpty)
      #expect(!changed.emailSignsIn)
    }
  }

  @Test("a client has 50 addresses and numbers at most, and the file can be changed all the same")
  func bound() async throws {
    try await withDirectory { harness in
      let employee = harness.staff(.employee, of: harness.organization())
      var client = try await harness.create(by: employee)
      for number in 0..<49 {
        client = try await harness.add(
          "family.\(number)@example.org", .email, .secondary, to: client, by: employee)
      }
      client = try await harness.add("+32470123456", .phone, .secondary, to: client, by: employee)
      #expect(client.contactPoints.count == 50)
      for (value, kind, rank) in [
        ("one.more@example.org", ContactKind.email, ContactRank.secondary),
        ("login@example.org", .email, .primary), ("+3225550100", .phone, .primary),
      ] {
        let refused = await refusal {
          try await harness.add(value, kind, rank, to: client, by: employee)
        }
        #expect(refused?.code == .failedPrecondition)
        #expect(refused?.reason == "CONTACT_POINTS_FULL")
        #expect(refused?.violations.map(\.field) == ["value"])
      }
      #expect(harness.identity.calls == 0)
      #expect(try await harness.get(client.clientID, by: employee) == client)
      // What is there is known, and takes its type.
      let again = await refusal {
        try await harness.add("family.7@example.org", .email, .secondary, to: client, by: employee)
      }
      #expect(again?.reason == "CONTACT_POINT_EXISTS")
      client = try await harness.add("+32470123456", .phone, .primary, to: client, by: employee) {
        $0.phoneType = .mobile
      }
      #expect(client.contactPoints.count == 50)
      // Nor does the table take more.
      await #expect(throws: (any Error).self) {
        try await harness.database.sql(
          """
          update client_directory.clients
          set contact_ids = contact_ids || '\(UUID().text)'::uuid
          where client_id = '\(client.clientID)'
          """)
      }
    }
  }

  @Test("once the client has signed in, the login is theirs alone (B47)")
  func holder() async throws {
    try await withDirectory { harness in
      let employee = harness.staff(.employee, of: harness.organization())
      let client = try await harness.create(by: employee, email: "julie@example.org")
      // Identity knows before the news arrives here.
      harness.identity.activate(client.accountID)
      let early = await refusal {
        try await harness.add("evil@example.org", to: client, by: employee)
      }
      #expect(early?.code == .failedPrecondition)
      #expect(early?.reason == "LOGIN_EMAIL_OWNED_BY_HOLDER")
      try await harness.accept(client)
      let late = await refusal {
        try await harness.add("evil@example.org", to: client, by: employee)
      }
      #expect(late?.reason == "LOGIN_EMAIL_OWNED_BY_HOLDER")
      let way = late?.resolutions.first { $0.fields == ["rank": "CONTACT_RANK_SECONDARY"] }
      #expect(way?.rpc.hasSuffix("/AddContactPoint") == true)
      _ = try await harness.add("other@example.org", .email, .secondary, to: client, by: employee)
      _ = try await harness.add("+32 2 123 45 67", .phone, .primary, to: client, by: employee)
    }
  }

  @Test("phones are kept in E.164, with their type", arguments: Depth.allCases)
  func phones(depth: Depth) async throws {
    try await withDirectory(depth) { harness in
      let employee = harness.staff(.employee, of: harness.organization())
      let client = try await harness.create(by: employee)
      _ = try await harness.add("+1 (514) 555-0123", .phone, .primary, to: client, by: employee) {
        $0.phoneType = .mobile
      }
      let changed = try await harness.add(
        "0033 1 42 68 53 00", .phone, .primary, to: client, by: employee)
      #expect(changed.contactPoints.map(\.value) == ["+33142685300", "+15145550123"])
      #expect(changed.contactPoints.map(\.phoneType) == [.unspecified, .mobile])
      for bad in ["", "0470123456", "+1514555012", "+0123456789", "+3247012345678", "call me"] {
        let refused = await refusal {
          try await harness.add(bad, .phone, to: client, by: employee)
        }
        #expect(refused?.reason == "PHONE_INVALID", "\(bad)")
      }
      let email = await refusal { try await harness.add("a@b", to: client, by: employee) }
      #expect(email?.reason == "EMAIL_INVALID")
      #expect(email?.resolutions.first?.rpc.hasSuffix("/AddContactPoint") == true)
    }
  }

  @Test("a repeat adds nothing, and strangers find nothing", arguments: [Depth.inProcess, .http2])
  func others(depth: Depth) async throws {
    try await withDirectory(depth) { harness in
      let organization = harness.organization()
      let employee = harness.staff(.employee, of: organization)
      let client = try await harness.create(by: employee)
      let id = UUID().text
      let first = try await harness.add("j@example.org", to: client, by: employee) {
        $0.requestID = id
      }
      let second = try await harness.add("j@example.org", to: client, by: employee) {
        $0.requestID = id
      }
      #expect(first == second)
      #expect(try await harness.database.count("contact_points") == 1)
      let stranger = harness.staff(.superAdmin, of: harness.organization())
      let colleague = harness.staff(.employee, of: organization)
      for caller in [stranger, colleague] {
        let refused = await refusal {
          try await harness.add("x@example.org", to: client, by: caller)
        }
        #expect(refused?.reason == "CLIENT_NOT_FOUND")
      }
      let reader = harness.staff(.readOnly, of: organization)
      let denied = await refusal { try await harness.add("x@example.org", to: client, by: reader) }
      #expect(denied?.reason == "NOT_PERMITTED")
    }
  }
}
