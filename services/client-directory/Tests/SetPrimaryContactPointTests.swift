import ClientDirectoryAPI
import CommonAPI
import Foundation
import GRPC
import ServiceKit
import TestKit
import Testing

@testable import ClientDirectoryCore

@Suite struct SetPrimaryContactPointTests {
  private func setPrimary(
    _ harness: DirectoryHarness, _ value: String, of client: Client, by caller: Caller,
    _ resolution: ExistingEmailResolution = .unspecified
  ) async throws -> Client {
    let point = client.contactPoints.first { $0.value == value }
    return try await harness.api.setPrimaryContactPoint(
      SetPrimaryContactPointRequest(
        requestID: UUID().text, organizationID: caller.organization, clientID: client.clientID,
        contactPointID: point?.contactPointID ?? UUID().text,
        existingEmailResolution: resolution),
      options: caller.options)
  }

  @Test("a secondary e-mail becomes the login (B24)", arguments: Depth.allCases)
  func email(depth: Depth) async throws {
    try await withDirectory(depth) { harness in
      let employee = harness.staff(.employee, of: harness.organization())
      var client = try await harness.create(by: employee)
      client = try await harness.add("j@example.org", .email, .secondary, to: client, by: employee)
      let changed = try await setPrimary(harness, "j@example.org", of: client, by: employee)
      #expect(changed.accessState == .invitable)
      #expect(changed.emailSignsIn)
      #expect(changed.contactPoints.map(\.rank) == [.primary])
      let again = try await setPrimary(harness, "j@example.org", of: changed, by: employee)
      #expect(again == changed)
      #expect(try await harness.get(client.clientID, by: employee) == changed)
    }
  }

  @Test("phones change places without asking anybody")
  func phone() async throws {
    try await withDirectory { harness in
      let employee = harness.staff(.employee, of: harness.organization())
      var client = try await harness.create(by: employee) { $0.mobilePhone = "+32470123456" }
      client = try await harness.add("+3221234567", .phone, .secondary, to: client, by: employee)
      let changed = try await setPrimary(harness, "+3221234567", of: client, by: employee)
      #expect(changed.contactPoints.map(\.value) == ["+3221234567", "+32470123456"])
      #expect(changed.contactPoints.map(\.rank) == [.primary, .secondary])
      #expect(harness.identity.calls == 0)
    }
  }

  @Test(
    "the refusals of creation, and the way out by username",
    arguments: ["EMAIL_IN_THIS_ORG", "EMAIL_ON_PLATFORM", "EMAIL_PROFESSIONAL"])
  func taken(reason: String) async throws {
    try await withDirectory { harness in
      let employee = harness.staff(.employee, of: harness.organization())
      if reason == "EMAIL_IN_THIS_ORG" {
        _ = try await harness.create(by: employee, email: "t@example.org")
      } else {
        harness.identity.take("t@example.org", reason)
      }
      var client = try await harness.create(by: employee)
      client = try await harness.add("t@example.org", .email, .secondary, to: client, by: employee)
      let refused = await refusal {
        try await setPrimary(harness, "t@example.org", of: client, by: employee)
      }
      #expect(refused?.reason == reason)
      #expect(
        refused?.resolutions.contains { $0.rpc.hasSuffix("/SetPrimaryContactPoint") } == true)
      let changed = try await setPrimary(
        harness, "t@example.org", of: client, by: employee, .usernameOnly)
      #expect(changed.contactPoints.map(\.rank) == [.secondary])
      #expect(changed.accessState == .invitable)
      #expect(!changed.emailSignsIn)
    }
  }

  @Test(
    "of clients that take one e-mail at once, all but one are refused", arguments: [true, false])
  func race(added: Bool) async throws {
    try await withDirectory { harness in
      let employee = harness.staff(.employee, of: harness.organization())
      var clients: [Client] = []
      for _ in 0..<4 {
        var client = try await harness.create(by: employee)
        if !added {
          client = try await harness.add(
            "j@example.org", .email, .secondary, to: client, by: employee)
        }
        clients.append(client)
      }
      let reasons = await withTaskGroup(of: String.self) { group in
        for client in clients {
          group.addTask {
            await refusal {
              added
                ? try await harness.add("j@example.org", to: client, by: employee)
                : try await setPrimary(harness, "j@example.org", of: client, by: employee)
            }?.reason ?? "taken"
          }
        }
        return await group.reduce(into: [String: Int]()) { $0[$1, default: 0] += 1 }
      }
      #expect(reasons == ["taken": 1, "EMAIL_IN_THIS_ORG": 3])
    }
  }

  @Test("not once the client has signed in (B47), not what is not there")
  func refusals() async throws {
    try await withDirectory { harness in
      let employee = harness.staff(.employee, of: harness.organization())
      var client = try await harness.create(by: employee, email: "julie@example.org")
      client = try await harness.add("x@example.org", .email, .secondary, to: client, by: employee)
      try await harness.accept(client)
      let owned = await refusal {
        try await setPrimary(harness, "x@example.org", of: client, by: employee)
      }
      #expect(owned?.reason == "LOGIN_EMAIL_OWNED_BY_HOLDER")
      let unknown = await refusal {
        try await setPrimary(harness, "y@example.org", of: client, by: employee)
      }
      #expect(unknown?.code == .notFound)
      #expect(unknown?.reason == "CONTACT_POINT_NOT_FOUND")
      let stranger = harness.staff(.superAdmin, of: harness.organization())
      let foreign = await refusal {
        try await setPrimary(harness, "x@example.org", of: client, by: stranger)
      }
      #expect(foreign?.reason == "CLIENT_NOT_FOUND")
    }
  }
}
