import Foundation
import GRPC
import OrganizationAPI
import ServiceKit
import TestKit
import Testing

@testable import OrganizationCore

@Suite struct GetPolicyTests {
  @Test("the rules as they were set, with the branches by name", arguments: Depth.allCases)
  func reads(depth: Depth) async throws {
    try await withOrganization(depth) { harness in
      let (organization, administrator) = try await harness.open("Zorg") {
        $0.policy = Policy(
          invitationTrigger: .manual, emailRequired: true, emailDisclosure: .blind)
      }
      let id = organization.organizationID
      let anvers = try await harness.api.createBranch(
        CreateBranchRequest(organizationID: id, name: "Anvers"), options: administrator.options)
      let policy = try await harness.api.getPolicy(
        GetPolicyRequest(organizationID: id), options: administrator.options)
      #expect(policy.invitationTrigger == .manual)
      #expect(policy.emailRequired)
      #expect(policy.emailDisclosure == .blind)
      #expect(policy.languages == ["fr", "nl-BE"])
      #expect(policy.organizationName == "Zorg")
      #expect(policy.branchIDs.first == anvers.branchID)
      #expect(policy.branchIDs.count == 2)
    }
  }
}
