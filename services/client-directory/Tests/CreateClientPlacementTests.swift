import ClientDirectoryAPI
import CommonAPI
import Foundation
import GRPC
import OrganizationAPI
import ServiceKit
import TestKit
import Testing

@testable import ClientDirectoryCore

/// Who creates for whom, and where (B1, B14 to B16).
@Suite struct CreateClientPlacementTests {
  @Test("only administrators assign a client to somebody else (B14)")
  func assigning() async throws {
    try await withDirectory { harness in
      let organization = harness.organization()
      let colleague = harness.staff(.employee, of: organization)
      for profile in [Profile.manager, .employee] {
        let caller = harness.staff(profile, of: organization)
        let refused = await refusal {
          try await harness.create(by: caller) { $0.assigneeID = colleague.employee }
        }
        #expect(refused?.code == .permissionDenied)
        #expect(refused?.reason == "ASSIGN_NOT_ALLOWED")
        let own = try await harness.create(by: caller) { $0.assigneeID = caller.employee }
        #expect(own.stakeholderIDs == [caller.employee])
      }
      for profile in [Profile.superAdmin, .branchAdmin] {
        let caller = harness.staff(profile, of: organization)
        let client = try await harness.create(by: caller) { $0.assigneeID = colleague.employee }
        #expect(client.stakeholderIDs == [colleague.employee])
        let own = try await harness.create(by: caller)
        #expect(own.stakeholderIDs == [caller.employee])
        let unknown = await refusal {
          try await harness.create(by: caller) { $0.assigneeID = UUID().text }
        }
        #expect(unknown?.reason == "EMPLOYEE_NOT_FOUND")
      }
    }
  }

  @Test("an employee who left is assigned nothing")
  func departed() async throws {
    try await withDirectory { harness in
      let organization = harness.organization()
      let administrator = harness.staff(.superAdmin, of: organization)
      let gone = UUIDv7.make().text
      harness.peers.add(
        .init(employeeID: gone, organizationID: organization.id.text, state: .departed))
      let refused = await refusal {
        try await harness.create(by: administrator) { $0.assigneeID = gone }
      }
      #expect(refused?.reason == "EMPLOYEE_NOT_FOUND")
    }
  }

  @Test("with one branch there is no choice; with several, administrators choose (B15)")
  func branches() async throws {
    try await withDirectory { harness in
      let single = harness.organization()
      let alone = try await harness.create(by: harness.staff(.employee, of: single)) {
        $0.branchID = single.branches[0].text
      }
      #expect(alone.branchID == single.branches[0].text)

      let organization = harness.organization(branches: 3)
      func create(_ caller: Caller, in branch: UUID?) async -> (branch: String?, reason: String?) {
        do {
          let client = try await harness.create(by: caller) { $0.branchID = branch?.text ?? "" }
          return (client.branchID, nil)
        } catch { return (nil, (error as? RPCError)?.reason) }
      }
      let second = organization.branches[1]
      let employee = harness.staff(.employee, of: organization, branches: [second])
      #expect(await create(employee, in: nil).branch == second.text)
      #expect(await create(employee, in: organization.branches[0]).reason == "BRANCH_NOT_ALLOWED")
      let admin = harness.staff(.superAdmin, of: organization)
      #expect(await create(admin, in: nil).branch == organization.branches[0].text)
      #expect(
        await create(admin, in: organization.branches[2]).branch == organization.branches[2].text)
      #expect(await create(admin, in: UUID()).reason == "BRANCH_NOT_FOUND")
      let limited = harness.staff(
        .branchAdmin, of: organization, branches: Array(organization.branches[1...]))
      #expect(
        await create(limited, in: organization.branches[2]).branch == organization.branches[2].text)
      #expect(await create(limited, in: organization.branches[0]).reason == "BRANCH_NOT_ALLOWED")
    }
  }

  @Test("who may create, by profile and hat", arguments: [Depth.inProcess, .http2])
  func permissions(depth: Depth) async throws {
    try await withDirectory(depth) { harness in
      let organization = harness.organization()
      for profile in [Profile.superAdmin, .branchAdmin, .manager, .employee] {
        _ = try await harness.create(by: harness.staff(profile, of: organization))
      }
      let reader = harness.staff(.readOnly, of: organization)
      #expect(await refusal { try await harness.create(by: reader) }?.reason == "NOT_PERMITTED")
      let client = try await harness.create(by: harness.staff(.employee, of: organization))
      let holder = Caller.holder(of: client)
      #expect(await refusal { try await harness.create(by: holder) }?.reason == "STAFF_ONLY")
      let stranger = harness.staff(.superAdmin, of: harness.organization())
      let foreign = await refusal {
        try await harness.create(by: stranger) { $0.organizationID = organization.id.text }
      }
      #expect(foreign?.reason == "ORGANIZATION_NOT_FOUND")
    }
  }

  @Test("services other than the gateway create nobody", arguments: [Depth.inProcess, .http2])
  func peers(depth: Depth) async throws {
    try await withDirectory(depth, as: "messaging") { harness in
      let employee = harness.staff(.employee, of: harness.organization())
      let refused = await refusal { try await harness.create(by: employee) }
      #expect(refused?.reason == "PEER_NOT_ALLOWED")
    }
  }
}
