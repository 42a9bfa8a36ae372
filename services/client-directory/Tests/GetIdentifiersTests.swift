import ClientDirectoryAPI
import CommonAPI
import Foundation
import GRPC
import ServiceKit
import TestKit
import Testing

@testable import ClientDirectoryCore

@Suite struct GetIdentifiersTests {
  @Test(
    "the numbers of a client by kind, masked, for all who see the file", arguments: Depth.allCases)
  func masked(depth: Depth) async throws {
    try await withDirectory(depth) { harness in
      let organization = harness.organization()
      let employee = harness.staff(.employee, of: organization)
      try harness.allowIdentifiers(to: employee)
      let client = try await harness.create(by: employee)
      #expect(try await harness.identifiers(of: client, by: employee).isEmpty)
      try await harness.set("123456782", .socialInsuranceNumber, of: client, by: employee)
      try await harness.set(of: client, by: employee)
      let seen = try await harness.identifiers(of: client, by: employee)
      #expect(seen.map(\.kind) == [.nationalNumber, .socialInsuranceNumber])
      #expect(seen.map(\.masked) == ["**.**.**-***.28", "***-***-782"])
      let admin = harness.staff(.branchAdmin, of: organization)
      #expect(try await harness.identifiers(of: client, by: admin) == seen)
      let other = try await harness.create(by: employee)
      #expect(try await harness.identifiers(of: other, by: employee).isEmpty)
    }
  }

  @Test("a file that the caller does not see is not found", arguments: [Depth.inProcess, .http2])
  func visibility(depth: Depth) async throws {
    try await withDirectory(depth) { harness in
      let (employee, client) = try await harness.practice()
      try await harness.set(of: client, by: employee)
      let stranger = harness.staff(.superAdmin, of: harness.organization())
      let refused = await refusal {
        try await harness.api.getIdentifiers(
          GetIdentifiersRequest(organizationID: stranger.organization, clientID: client.clientID),
          options: stranger.options)
      }
      #expect(refused?.reason == "CLIENT_NOT_FOUND")
      let holder = Caller.holder(of: client)
      let notStaff = await refusal { try await harness.identifiers(of: client, by: holder) }
      #expect(notStaff?.reason == "STAFF_ONLY")
    }
  }
}
