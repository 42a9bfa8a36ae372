import ClientDirectoryAPI
import CommonAPI
import Foundation
import GRPC
import ServiceKit
import TestKit
import Testing

@testable import ClientDirectoryCore

@Suite struct ListClientsTests {
  /// Every page of a list, as given names.
  private func names(
    _ harness: DirectoryHarness, by caller: Caller, pageSize: Int32 = 2,
    _ change: (inout ListClientsRequest) -> Void = { _ in }
  ) async throws -> [String] {
    var request = ListClientsRequest(organizationID: caller.organization, pageSize: pageSize)
    change(&request)
    var names: [String] = []
    repeat {
      let page = try await harness.api.listClients(request, options: caller.options)
      #expect(page.clients.count <= Int(pageSize))
      names += page.clients.map(\.givenName)
      request.pageToken = page.nextPageToken
    } while !request.pageToken.isEmpty
    return names
  }

  /// Seven clients in two branches; answers the world they live in.
  private func populate(_ harness: DirectoryHarness) async throws -> World {
    let organization = harness.organization(branches: 2)
    let admin = harness.staff(.superAdmin, of: organization)
    let employee = harness.staff(.employee, of: organization)
    let families = ["Zola", "abel", "Éluard", "Abel", "Quist", "de Vos", "Zola"]
    for (index, family) in families.enumerated() {
      let email = index < 2 ? "c\(index)@example.org" : ""
      _ = try await harness.create(by: admin, email: email) {
        $0.givenName = "\(index)"
        $0.familyName = family
        $0.branchID = organization.branches[index % 2].text
        $0.assigneeID = index >= 4 ? employee.employee : ""
        $0.labels = index % 3 == 0 ? ["third", "all"] : ["all"]
        if index < 3 { $0.caseManager = CaseManager(who: .employeeID(employee.employee)) }
      }
    }
    return World(organization: organization, admin: admin, employee: employee)
  }

  private struct World {
    let organization: TestOrganization
    let admin: Caller
    let employee: Caller
  }

  @Test("each filter in each order, over pages", arguments: Depth.allCases)
  func filters(depth: Depth) async throws {
    try await withDirectory(depth) { harness in
      let world = try await populate(harness)
      typealias Change = (inout ListClientsRequest) -> Void
      let employee = world.employee.employee
      let branch = world.organization.branches[0].text
      let expected: [(Change, byName: String)] = [
        ({ _ in }, "1352406"),
        ({ $0.accessState = .invited }, "10"),
        ({ $0.accessState = .noLogin }, "35246"),
        ({ $0.branchID = branch }, "2406"),
        ({ $0.caseManagerID = employee }, "120"),
        ({ $0.stakeholderID = employee }, "546"),
        ({ $0.label = "third" }, "306"),
        ({ $0.label = "all" }, "1352406"),
        ({ $0.label = "none" }, ""),
      ]
      for (change, byName) in expected {
        let newest = String(byName.sorted(by: >))
        // 1 (abel) before 3 (Abel) by given name, Zola twice likewise; de Vos before Éluard.
        let named = try await names(harness, by: world.admin, change).joined()
        #expect(named == byName)
        let descending = try await names(harness, by: world.admin) {
          change(&$0)
          $0.orderBy = .createTimeDesc
        }.joined()
        #expect(descending == newest)
      }
    }
  }

  @Test("each caller sees their own part, whatever the filter")
  func sight() async throws {
    try await withDirectory { harness in
      let world = try await populate(harness)
      let branches = world.organization.branches
      let manager = harness.staff(.manager, of: world.organization, branches: [branches[1]])
      let both = harness.staff(.branchAdmin, of: world.organization, branches: branches)
      let reader = harness.staff(.readOnly, of: world.organization)
      typealias Change = (inout ListClientsRequest) -> Void
      let changes: [Change] = [
        { _ in }, { $0.accessState = .noLogin }, { $0.branchID = branches[0].text },
        { $0.caseManagerID = world.employee.employee },
        { $0.stakeholderID = world.employee.employee }, { $0.label = "third" },
        { $0.orderBy = .createTimeDesc },
      ]
      for change in changes {
        let all = try await names(harness, by: world.admin, change)
        #expect(try await names(harness, by: both, change) == all)
        let odd = all.filter { Int($0).map { $0 % 2 == 1 } ?? false }
        #expect(try await names(harness, by: manager, change) == odd)
        let own = all.filter { (Int($0) ?? 0) >= 4 }
        #expect(try await names(harness, by: world.employee, change) == own)
        #expect(try await names(harness, by: reader, change) == [])
      }
      let stranger = harness.staff(.superAdmin, of: harness.organization())
      #expect(try await names(harness, by: stranger) == [])
    }
  }

  @Test("a page token holds for its own filters alone, and filters come one at a time")
  func refusals() async throws {
    try await withDirectory { harness in
      let world = try await populate(harness)
      let id = world.organization.id.text
      let page = try await harness.api.listClients(
        ListClientsRequest(organizationID: id, pageSize: 2, label: "all"),
        options: world.admin.options)
      for request in [
        ListClientsRequest(organizationID: id, pageToken: page.nextPageToken, label: "third"),
        ListClientsRequest(organizationID: id, pageToken: "@"),
      ] {
        let refused = await refusal {
          try await harness.api.listClients(request, options: world.admin.options)
        }
        #expect(refused?.reason == "PAGE_TOKEN_INVALID")
      }
      let both = await refusal {
        try await harness.api.listClients(
          ListClientsRequest(organizationID: id, accessState: .invited, label: "all"),
          options: world.admin.options)
      }
      #expect(both?.reason == "FILTER_NOT_OFFERED")
    }
  }

  @Test("a renamed client moves in every list")
  func renamed() async throws {
    try await withDirectory { harness in
      let world = try await populate(harness)
      let page = try await harness.api.listClients(
        ListClientsRequest(organizationID: world.organization.id.text),
        options: world.admin.options)
      let last = try #require(page.clients.last)
      _ = try await harness.api.updateClient(
        UpdateClientRequest(
          organizationID: last.organizationID, clientID: last.clientID,
          client: Client(familyName: "Aaron"), updateMask: FieldMask(paths: ["family_name"])),
        options: world.admin.options)
      #expect(try await names(harness, by: world.admin).first == "6")
      #expect(try await names(harness, by: world.admin) { $0.label = "third" } == ["6", "3", "0"])
      #expect(try await names(harness, by: world.employee) == ["6", "5", "4"])
    }
  }

  /// A client who was changed in every way, and one who has nothing.
  private func changed(_ harness: DirectoryHarness, by caller: Caller) async throws {
    _ = try await harness.create(by: caller) { $0.givenName = "Nobody" }
    var client = try await harness.create(by: caller, email: "j@example.org") {
      $0.mobilePhone = "+32470123456"
      $0.labels = ["VIP"]
    }
    client = try await harness.add("+3221234567", .phone, .secondary, to: client, by: caller)
    client = try await harness.add("k@example.org", .email, .secondary, to: client, by: caller)
    _ = try await harness.api.setPrimaryContactPoint(
      SetPrimaryContactPointRequest(
        requestID: UUID().text, organizationID: caller.organization, clientID: client.clientID,
        contactPointID: client.contactPoints.first { $0.value == "+3221234567" }?.contactPointID
          ?? ""), options: caller.options)
    _ = try await harness.api.updateClient(
      UpdateClientRequest(
        organizationID: client.organizationID, clientID: client.clientID,
        client: Client(givenName: "Julia"), updateMask: FieldMask(paths: ["given_name"])),
      options: caller.options)
  }

  /// Expects that a list shows what each file says.
  private func compare(
    _ harness: DirectoryHarness, by caller: Caller, isEqual: Bool = true
  ) async throws {
    let listed = try await harness.api.listClients(
      ListClientsRequest(organizationID: caller.organization), options: caller.options
    ).clients
    #expect(listed.count == 2)
    #expect(listed.map(\.contactPoints.count).sorted() == (isEqual ? [0, 4] : [0, 0]))
    for client in listed {
      #expect(try await (harness.get(client.clientID, by: caller) == client) == isEqual)
    }
  }

  @Test("a list shows each client as their file does, whatever was done")
  func copies() async throws {
    try await withDirectory { harness in
      let admin = harness.staff(.superAdmin, of: harness.organization())
      try await changed(harness, by: admin)
      try await compare(harness, by: admin)
    }
  }

  @Test("files of before lists had copies of them get theirs from a migration, once")
  func filled() async throws {
    try await withDirectory { harness in
      let admin = harness.staff(.superAdmin, of: harness.organization())
      try await changed(harness, by: admin)
      try await harness.database.sql(
        """
        update client_directory.clients set contact_ids = null, contact_kinds = null,
          contact_ranks = null, contact_phone_types = null, contact_values = null,
          stakeholder_ids = null
        """)
      try await compare(harness, by: admin, isEqual: false)
      let file = Checkout.root.appending(
        path: "services/client-directory/migrations/0014_list_copies_filled.sql")
      let batch =
        try "set search_path = client_directory;\n"
        + String(decoding: Data(contentsOf: file), as: UTF8.self)
      #expect(try await harness.database.sql(batch) == [["2"]])
      #expect(try await harness.database.sql(batch) == [["0"]])
      try await compare(harness, by: admin)
    }
  }
}
