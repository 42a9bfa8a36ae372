import ClientDirectoryAPI
import CommonAPI
import Foundation
import GRPC
import ServiceKit
import TestKit
import Testing

@testable import ClientDirectoryCore

@Suite struct GetClientTests {
  @Test("who sees a file: by profile, branch and access", arguments: Depth.allCases)
  func visibility(depth: Depth) async throws {
    try await withDirectory(depth) { harness in
      let organization = harness.organization(branches: 2)
      let there = [organization.branches[1]]
      let creator = harness.staff(.employee, of: organization)
      let client = try await harness.create(by: creator)
      func sees(_ caller: Caller) async -> Bool {
        let refused = await refusal { try await harness.get(client.clientID, by: caller) }
        if let refused { #expect(refused.reason == "CLIENT_NOT_FOUND", "\(refused)") }
        return refused == nil
      }
      #expect(await sees(creator))
      #expect(await sees(harness.staff(.superAdmin, of: organization)))
      #expect(await sees(harness.staff(.branchAdmin, of: organization)))
      #expect(await sees(harness.staff(.manager, of: organization)))
      #expect(await sees(harness.staff(.branchAdmin, of: organization, branches: there)) == false)
      #expect(await sees(harness.staff(.manager, of: organization, branches: there)) == false)
      #expect(await sees(harness.staff(.employee, of: organization)) == false)
      #expect(await sees(harness.staff(.readOnly, of: organization)) == false)
      #expect(await sees(.holder(of: client)))
      let other = try await harness.create(by: creator)
      #expect(await sees(.holder(of: other)) == false)
    }
  }

  @Test("a client of another organisation is not there", arguments: Depth.allCases)
  func foreign(depth: Depth) async throws {
    try await withDirectory(depth) { harness in
      let client = try await harness.create(
        by: harness.staff(.superAdmin, of: harness.organization()))
      let stranger = harness.staff(.superAdmin, of: harness.organization())
      for id in [client.clientID, UUID().text] {
        let refused = await refusal { try await harness.get(id, by: stranger) }
        #expect(refused?.code == .notFound)
        #expect(refused?.reason == "CLIENT_NOT_FOUND")
      }
    }
  }

  @Test("an id that is none names its field")
  func malformed() async throws {
    try await withDirectory { harness in
      let caller = harness.staff(.superAdmin, of: harness.organization())
      let refused = await refusal { try await harness.get("1", by: caller) }
      #expect(refused?.violations.map(\.field) == ["client_id"])
    }
  }
}
