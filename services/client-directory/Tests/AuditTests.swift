import ClientDirectoryAPI
import CommonAPI
import Foundation
import GRPC
import Protobuf
import ServiceKit
import TestKit
import Testing

@testable import ClientDirectoryCore

@Suite struct AuditTests {
  @Test("each call that changes something leaves one row, any other none")
  func rows() async throws {
    try await withDirectory(.inProcess) { harness in
      let watch = AuditWatch(ClientDirectoryServiceMethods.all, in: harness.database)
      let employee = harness.staff(.employee, of: harness.organization())
      let request = CreateClientRequest.sample(by: employee)
      let client = try await watch.changes("CreateClient") {
        try await harness.api.createClient(request, options: employee.options)
      }
      try await watch.leavesNothing("CreateClient, repeated; reads") {
        _ = try await harness.api.createClient(request, options: employee.options)
        _ = try await harness.get(client.clientID, by: employee)
        _ = try await harness.api.listClients(
          ListClientsRequest(organizationID: employee.organization), options: employee.options)
      }
      _ = try await watch.changes("CheckClientEmail") {
        try await harness.api.checkClientEmail(
          CheckClientEmailRequest(
            organizationID: employee.organization, email: "julie@example.org"),
          options: employee.options)
      }
      try await contactPoints(of: client, harness, watch, employee)
      try await update(client, harness, watch, employee)
      try await identifiers(of: client, harness, watch, employee)
      #expect(watch.missing.isEmpty, "\(watch.missing)")
    }
  }

  private func contactPoints(
    of client: Client, _ harness: DirectoryHarness, _ watch: AuditWatch, _ employee: Caller
  ) async throws {
    let added = try await watch.changes("AddContactPoint") {
      try await harness.add("julie@example.org", to: client, by: employee)
    }
    var primary = SetPrimaryContactPointRequest(
      requestID: UUID().text, organizationID: employee.organization, clientID: client.clientID,
      contactPointID: added.contactPoints.first?.contactPointID ?? "")
    // The one that is primary already: the act is on record all the same.
    _ = try await watch.changes("SetPrimaryContactPoint") {
      try await harness.api.setPrimaryContactPoint(primary, options: employee.options)
    }
    try await watch.leavesNothing("SetPrimaryContactPoint, repeated and refused") {
      _ = try await harness.api.setPrimaryContactPoint(primary, options: employee.options)
      primary.contactPointID = UUID().text
      primary.requestID = UUID().text
      let unknown = primary
      let refused = await refusal {
        try await harness.api.setPrimaryContactPoint(unknown, options: employee.options)
      }
      #expect(refused?.reason == "CONTACT_POINT_NOT_FOUND")
    }
    _ = try await watch.changes("ResendInvitation") {
      try await harness.api.resendInvitation(
        ResendInvitationRequest(
          requestID: UUID().text, organizationID: employee.organization,
          clientID: client.clientID),
        options: employee.options)
    }
  }

  private func identifiers(
    of client: Client, _ harness: DirectoryHarness, _ watch: AuditWatch, _ employee: Caller
  ) async throws {
    try harness.allowIdentifiers(to: employee)
    let set = SetIdentifierRequest.sample(of: client)
    _ = try await watch.changes("SetIdentifier") {
      try await harness.api.setIdentifier(set, options: employee.options)
    }
    _ = try await watch.changes("RevealIdentifier") {
      try await harness.reveal(client, by: employee)
    }
    _ = try await watch.changes("FindClientByIdentifier") {
      try await harness.find(set.number, by: employee)
    }
    let delete = DeleteIdentifierRequest(
      requestID: UUID().text, organizationID: client.organizationID, clientID: client.clientID,
      kind: .nationalNumber)
    _ = try await watch.changes("DeleteIdentifier") {
      try await harness.api.deleteIdentifier(delete, options: employee.options)
    }
    try await watch.leavesNothing("SetIdentifier and DeleteIdentifier, repeated and refused") {
      _ = try await harness.api.setIdentifier(set, options: employee.options)
      _ = try await harness.api.deleteIdentifier(delete, options: employee.options)
      let refused = await refusal { try await harness.reveal(client, by: employee) }
      #expect(refused?.reason == "IDENTIFIER_NOT_SET")
    }
  }

  private func update(
    _ client: Client, _ harness: DirectoryHarness, _ watch: AuditWatch, _ employee: Caller
  ) async throws {
    let request = UpdateClientRequest(
      requestID: UUID().text, organizationID: employee.organization, clientID: client.clientID,
      client: Client(givenName: "Juliette", companyName: "Atelier"),
      updateMask: FieldMask(paths: ["given_name", "company_name"]))
    _ = try await watch.changes("UpdateClient") {
      try await harness.api.updateClient(request, options: employee.options)
    }
    try await watch.leavesNothing("UpdateClient, repeated and refused") {
      _ = try await harness.api.updateClient(request, options: employee.options)
      var stale = request
      stale.requestID = UUID().text
      stale.etag = "1"
      let late = stale
      let refused = await refusal {
        try await harness.api.updateClient(late, options: employee.options)
      }
      #expect(refused?.code == .aborted)
    }
    let rows = try await harness.database.sql(
      """
      select object_id, actor_account, actor_service, acting_as, detail->>'fields'
      from client_directory.audit_log where action = 'client.update'
      """)
    #expect(
      rows == [
        [
          client.clientID, employee.accountID.text, "gateway", "STAFF EMPLOYEE",
          "company_name,given_name",
        ]
      ])
    // Names and addresses are nowhere in it.
    let personal = try await harness.database.sql(
      "select 1 from client_directory.audit_log a where a::text ~* 'juli|example|atelier'")
    #expect(personal.isEmpty)
  }
}
