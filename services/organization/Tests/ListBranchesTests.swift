import GRPC
import OrganizationAPI
import ServiceKit
import TestKit
import Testing

@testable import OrganizationCore

@Suite struct ListBranchesTests {
  @Test("by name, in pages", arguments: Depth.allCases)
  func pages(depth: Depth) async throws {
    try await withOrganization(depth) { harness in
      let (organization, administrator) = try await harness.open("Mons")
      let id = organization.organizationID
      for name in ["Zele", "Écaussinnes", "Arlon", "eeklo"] {
        _ = try await harness.api.createBranch(
          CreateBranchRequest(organizationID: id, name: name), options: administrator.options)
      }
      var names: [[String]] = []
      var token = ""
      repeat {
        let page = try await harness.api.listBranches(
          ListBranchesRequest(organizationID: id, pageSize: 2, pageToken: token),
          options: administrator.options)
        names.append(page.branches.map(\.name))
        token = page.nextPageToken
      } while !token.isEmpty
      #expect(names == [["Arlon", "Écaussinnes"], ["eeklo", "Mons"], ["Zele"]])
    }
  }

  @Test("a token of another list is refused, and so is a huge page")
  func bounds() async throws {
    try await withOrganization { harness in
      let (organization, administrator) = try await harness.open()
      let id = organization.organizationID
      let token = await #expect(throws: RPCError.self) {
        try await harness.api.listBranches(
          ListBranchesRequest(organizationID: id, pageToken: "bm8"),
          options: administrator.options)
      }
      #expect(token?.reason == "PAGE_TOKEN_INVALID")
      let size = await #expect(throws: RPCError.self) {
        try await harness.api.listBranches(
          ListBranchesRequest(organizationID: id, pageSize: 501), options: administrator.options)
      }
      #expect(size?.violations.map(\.field) == ["page_size"])
    }
  }
}
