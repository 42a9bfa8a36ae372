import Foundation
import GRPC
import OrganizationAPI
import ServiceKit
import TestKit
import Testing

@testable import OrganizationCore

@Suite struct ListEmployeesTests {
  @Test("by family and given name, in pages, own organisation only", arguments: Depth.allCases)
  func pages(depth: Depth) async throws {
    try await withOrganization(depth) { harness in
      let (organization, administrator) = try await harness.open()
      _ = try await harness.open("Other", email: "eve@example.org")
      for (index, name) in ["Émile Zola", "Ève Abel", "adam abel", "Bo Quist"].enumerated() {
        let parts = name.split(separator: " ").map(String.init)
        var request = CreateEmployeeRequest.sample(
          in: organization, email: "e\(index)@example.org")
        (request.givenName, request.familyName) = (parts[0], parts[1])
        _ = try await harness.api.createEmployee(request, options: administrator.options)
      }
      var names: [String] = []
      var token = ""
      repeat {
        let page = try await harness.api.listEmployees(
          ListEmployeesRequest(
            organizationID: organization.organizationID, pageSize: 2, pageToken: token),
          options: administrator.options)
        names += page.employees.map(\.givenName)
        token = page.nextPageToken
      } while !token.isEmpty
      #expect(names == ["adam", "Ève", "Ada", "Bo", "Émile"])
    }
  }
}
