import ClientDirectoryAPI
import CommonAPI
import Foundation
import GRPC
import ServiceKit
import TestKit
import Testing

@testable import ClientDirectoryCore

@Suite struct UpdateClientTests {
  private func update(
    _ harness: DirectoryHarness, _ client: Client, by caller: Caller, _ paths: [String],
    etag: String = "", requestID: String = "", _ values: Client
  ) async throws -> Client {
    try await harness.api.updateClient(
      UpdateClientRequest(
        requestID: requestID, organizationID: client.organizationID, clientID: client.clientID,
        client: values, updateMask: FieldMask(paths: paths), etag: etag),
      options: caller.options)
  }

  @Test("changes what the mask names, in this organisation's copy (B42)", arguments: Depth.allCases)
  func changes(depth: Depth) async throws {
    try await withDirectory(depth) { harness in
      let employee = harness.staff(.employee, of: harness.organization())
      let client = try await harness.create(by: employee)
      let values = Client(
        givenName: "Jules", familyName: "ignored", preferredName: "Ju", language: "fr-BE",
        companyName: "SPRL", address: PostalAddress(city: "Liège"), labels: ["a", "b"],
        caseManager: CaseManager(who: .employeeID(employee.employee)))
      let changed = try await update(
        harness, client, by: employee,
        [
          "given_name", "preferred_name", "language", "company_name", "address", "labels",
          "case_manager",
        ], etag: client.etag, values)
      #expect(changed.givenName == "Jules")
      #expect(changed.familyName == "Example")
      #expect(changed.language == "fr-BE")
      #expect(changed.address?.city == "Liège")
      #expect(changed.labels == ["a", "b"])
      #expect(changed.caseManager?.who == .employeeID(employee.employee))
      #expect(changed.etag != client.etag)
      #expect(try await harness.get(client.clientID, by: employee) == changed)
      #expect(try await harness.database.count("events") == 2)
      #expect(try await harness.database.count("client_labels") == 2)
    }
  }

  @Test("a stale etag changes nothing; none writes over", arguments: Depth.allCases)
  func etags(depth: Depth) async throws {
    try await withDirectory(depth) { harness in
      let employee = harness.staff(.employee, of: harness.organization())
      let client = try await harness.create(by: employee)
      _ = try await update(
        harness, client, by: employee, ["given_name"], etag: client.etag, Client(givenName: "A"))
      let stale = await refusal {
        try await update(
          harness, client, by: employee, ["given_name"], etag: client.etag, Client(givenName: "B"))
      }
      #expect(stale?.code == .aborted)
      #expect(stale?.reason == "STALE_ETAG")
      let over = try await update(
        harness, client, by: employee, ["given_name"], Client(givenName: "C"))
      #expect(over.givenName == "C")
    }
  }

  @Test("of changes at once none is lost")
  func concurrent() async throws {
    try await withDirectory { harness in
      let employee = harness.staff(.employee, of: harness.organization())
      let client = try await harness.create(by: employee)
      let done = await withTaskGroup(of: Bool.self) { group in
        for index in 0..<4 {
          group.addTask {
            await refusal {
              try await update(
                harness, client, by: employee, ["company_name"], Client(companyName: "\(index)"))
            } == nil
          }
        }
        return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
      }
      let read = try await harness.get(client.clientID, by: employee)
      #expect(read.etag == "\(1 + done)")
      #expect(try await harness.database.count("events") == 1 + done)
    }
  }

  @Test("a repeat changes nothing more, also with the etag of before")
  func repeats() async throws {
    try await withDirectory { harness in
      let employee = harness.staff(.employee, of: harness.organization())
      let client = try await harness.create(by: employee)
      let id = UUID().text
      let first = try await update(
        harness, client, by: employee, ["given_name"], etag: client.etag, requestID: id,
        Client(givenName: "A"))
      let second = try await update(
        harness, client, by: employee, ["given_name"], etag: client.etag, requestID: id,
        Client(givenName: "A"))
      #expect(first == second)
      #expect(try await harness.database.count("events") == 2)
    }
  }

  @Test("unknown paths, no paths and bad values are named")
  func fields() async throws {
    try await withDirectory { harness in
      let employee = harness.staff(.employee, of: harness.organization())
      let client = try await harness.create(by: employee)
      let unknown = await refusal {
        try await update(
          harness, client, by: employee, ["username", "given_name"], Client(username: "root"))
      }
      #expect(unknown?.reason == "FIELDS_INVALID")
      #expect(Set(unknown?.violations.map(\.field) ?? []) == ["update_mask", "client.given_name"])
      let none = await refusal { try await update(harness, client, by: employee, [], Client()) }
      #expect(none?.violations.map(\.field) == ["update_mask"])
      let manager = await refusal {
        try await update(
          harness, client, by: employee, ["case_manager"],
          Client(caseManager: CaseManager(who: .employeeID(UUID().text))))
      }
      #expect(manager?.reason == "EMPLOYEE_NOT_FOUND")
    }
  }

  @Test(
    "who may: staff with access, the client some fields; others find nothing",
    arguments: Depth.allCases)
  func permissions(depth: Depth) async throws {
    try await withDirectory(depth) { harness in
      let organization = harness.organization(branches: 2)
      let admin = harness.staff(.superAdmin, of: organization)
      let reader = harness.staff(.readOnly, of: organization)
      let client = try await harness.create(by: admin) { $0.assigneeID = reader.employee }
      func rename(_ caller: Caller) async -> String? {
        await refusal {
          try await update(harness, client, by: caller, ["given_name"], Client(givenName: "N"))
        }?.reason
      }
      #expect(await rename(admin) == nil)
      #expect(await rename(harness.staff(.branchAdmin, of: organization)) == nil)
      #expect(await rename(harness.staff(.manager, of: organization)) == nil)
      #expect(await rename(.holder(of: client)) == nil)
      #expect(await rename(reader) == "NOT_PERMITTED")
      #expect(await rename(harness.staff(.employee, of: organization)) == "CLIENT_NOT_FOUND")
      let stranger = harness.staff(.superAdmin, of: harness.organization())
      let foreign = await refusal {
        var theirs = client
        theirs.organizationID = stranger.organization
        return try await update(
          harness, theirs, by: stranger, ["given_name"], Client(givenName: "N"))
      }
      #expect(foreign?.reason == "CLIENT_NOT_FOUND")
      let labels = await refusal {
        try await update(
          harness, client, by: .holder(of: client), ["labels"], Client(labels: ["x"]))
      }
      #expect(labels?.reason == "NOT_PERMITTED")
    }
  }

  @Test("only administrators move a file, to branches of their own (B15)")
  func branches() async throws {
    try await withDirectory { harness in
      let organization = harness.organization(branches: 2)
      let admin = harness.staff(.superAdmin, of: organization)
      let client = try await harness.create(by: admin)
      let second = organization.branches[1].text
      func move(_ caller: Caller, to branch: String) async -> String? {
        await refusal {
          try await update(harness, client, by: caller, ["branch_id"], Client(branchID: branch))
        }?.reason
      }
      #expect(
        await move(harness.staff(.manager, of: organization), to: second) == "BRANCH_NOT_ALLOWED")
      let limited = harness.staff(.branchAdmin, of: organization)
      #expect(await move(limited, to: second) == "BRANCH_NOT_ALLOWED")
      #expect(await move(admin, to: UUID().text) == "BRANCH_NOT_FOUND")
      #expect(await move(admin, to: second) == nil)
      #expect(await move(limited, to: second) == "CLIENT_NOT_FOUND")
    }
  }
}
