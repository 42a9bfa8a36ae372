import ClientDirectoryAPI
import CommonAPI
import Foundation
import GRPC
import OrganizationAPI
import ServiceKit
import TestKit
import Testing

@testable import ClientDirectoryCore

@Suite struct DeleteIdentifierTests {
  private func deletion(_ client: Client, etag: String = "") -> DeleteIdentifierRequest {
    DeleteIdentifierRequest(
      requestID: UUID().text, organizationID: client.organizationID, clientID: client.clientID,
      kind: .nationalNumber, etag: etag)
  }

  @Test(
    "removes a number, once a request id, with news that tell no number", arguments: Depth.allCases)
  func removes(depth: Depth) async throws {
    try await withDirectory(depth) { harness in
      let (employee, client) = try await harness.practice()
      let identifier = try await harness.set(of: client, by: employee)
      let stale = await refusal {
        try await harness.api.deleteIdentifier(
          deletion(client, etag: "7"), options: employee.options)
      }
      #expect(stale?.reason == "STALE_ETAG")
      let request = deletion(client, etag: identifier.etag)
      _ = try await harness.api.deleteIdentifier(request, options: employee.options)
      _ = try await harness.api.deleteIdentifier(request, options: employee.options)
      #expect(try await harness.identifiers(of: client, by: employee).isEmpty)
      let news = try await harness.database.sql(
        """
        select convert_from(substring(payload from 3 for 36), 'UTF8'), octet_length(payload)
        from client_directory.events where kind = 'client.identifier_changed' order by event_id
        """)
      #expect(news.map { $0.first ?? nil } == [client.clientID, client.clientID])
      #expect(news.allSatisfy { (Int(($0.last ?? nil) ?? "") ?? 99) < 45 })
      let none = await refusal {
        try await harness.api.deleteIdentifier(deletion(client), options: employee.options)
      }
      #expect(none?.reason == "IDENTIFIER_NOT_SET")
    }
  }

  @Test("needs neither keys nor a legal basis")
  func always() async throws {
    try await withDirectory { harness in
      let (employee, client) = try await harness.practice()
      try await harness.set(of: client, by: employee)
      try harness.protection.destroySecret(of: employee)
      var policy = harness.peers.policy(of: employee.organizationID ?? UUID())
      policy?.nationalNumbersAllowed = false
      if let policy { harness.peers.set(policy) }
      _ = try await harness.api.deleteIdentifier(deletion(client), options: employee.options)
      #expect(try await harness.database.count("identifiers") == 0)
    }
  }

  @Test("a file that the caller does not see is not found")
  func visibility() async throws {
    try await withDirectory { harness in
      let (employee, client) = try await harness.practice()
      try await harness.set(of: client, by: employee)
      let stranger = harness.staff(.superAdmin, of: harness.organization())
      var request = deletion(client)
      request.organizationID = stranger.organization
      let foreign = request
      let refused = await refusal {
        try await harness.api.deleteIdentifier(foreign, options: stranger.options)
      }
      #expect(refused?.reason == "CLIENT_NOT_FOUND")
    }
  }
}
