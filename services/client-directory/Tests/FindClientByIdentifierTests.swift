import ClientDirectoryAPI
import CommonAPI
import Foundation
import GRPC
import ServiceKit
import TestKit
import Testing

@testable import ClientDirectoryCore

@Suite struct FindClientByIdentifierTests {
  @Test("the client who has it, however it is typed", arguments: Depth.allCases)
  func finds(depth: Depth) async throws {
    try await withDirectory(depth) { harness in
      let (employee, client) = try await harness.practice()
      try await harness.set(of: client, by: employee)
      for text in [sampleNumber, "85073003328", "85 07 30 033 28"] {
        #expect(try await harness.find(text, by: employee) == client)
      }
      let invalid = await refusal { try await harness.find("85073003329", by: employee) }
      #expect(invalid?.reason == "IDENTIFIER_INVALID")
      let ofAnother = await refusal {
        try await harness.find(sampleNumber, .partnerNationalNumber, by: employee)
      }
      #expect(ofAnother?.reason == "CLIENT_NOT_FOUND")
    }
  }

  @Test("nobody, somebody unseen and somebody of another organisation are the same; each on record")
  func unseen() async throws {
    try await withDirectory { harness in
      let organization = harness.organization()
      let employee = harness.staff(.employee, of: organization)
      try harness.allowIdentifiers(to: employee)
      let client = try await harness.create(by: employee)
      try await harness.set(of: client, by: employee)
      let colleague = harness.staff(.employee, of: organization)
      let (stranger, _) = try await harness.practice()
      let refusals = [
        await refusal { try await harness.find(anotherNumber, by: colleague) },
        await refusal { try await harness.find(sampleNumber, by: colleague) },
        await refusal { try await harness.find(sampleNumber, by: stranger) },
      ]
      #expect(Set(refusals.map { "\($0.map { "\($0)" } ?? "none")" }).count == 1)
      #expect(refusals.allSatisfy { $0?.reason == "CLIENT_NOT_FOUND" })
      let rows = try await harness.database.sql(
        """
        select coalesce(object_id::text, '') from client_directory.audit_log
        where action = 'identifier.find' order by audit_id
        """)
      #expect(rows == [[""], [client.clientID], [""]])
    }
  }

  @Test("off until the legal basis is recorded")
  func basis() async throws {
    try await withDirectory { harness in
      let employee = harness.staff(.employee, of: harness.organization())
      let refused = await refusal { try await harness.find(sampleNumber, by: employee) }
      #expect(refused?.reason == "IDENTIFIER_BASIS_MISSING")
    }
  }
}
