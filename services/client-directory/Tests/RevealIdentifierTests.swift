import ClientDirectoryAPI
import CommonAPI
import Foundation
import GRPC
import ServiceKit
import TestKit
import Testing

@testable import ClientDirectoryCore

@Suite struct RevealIdentifierTests {
  @Test("a number in full, with the reason on record and not the number", arguments: Depth.allCases)
  func reveals(depth: Depth) async throws {
    try await withDirectory(depth) { harness in
      let (employee, client) = try await harness.practice()
      try await harness.set("123 456 782", .socialInsuranceNumber, of: client, by: employee)
      try await harness.set("85073003328", of: client, by: employee)
      #expect(try await harness.reveal(client, by: employee) == sampleNumber)
      #expect(
        try await harness.reveal(client, .socialInsuranceNumber, by: employee) == "123-456-782")
      let rows = try await harness.database.sql(
        """
        select object_id, actor_account, acting_as, detail->>'kind', detail->>'reason'
        from client_directory.audit_log where action = 'identifier.reveal' order by audit_id
        """)
      #expect(
        rows.first == [
          client.clientID, employee.accountID.text, "STAFF EMPLOYEE",
          "IDENTIFIER_KIND_NATIONAL_NUMBER", "tax return",
        ])
      #expect(rows.count == 2)
    }
  }

  @Test(
    "twenty an hour a person, however they come, and the next is neither answered nor on record")
  func quota() async throws {
    try await withDirectory { harness in
      let (employee, client) = try await harness.practice()
      try await harness.set(of: client, by: employee)
      let answers = await withTaskGroup(of: String?.self) { group in
        for _ in 0..<25 {
          group.addTask { await refusal { try await harness.reveal(client, by: employee) }?.reason }
        }
        return await group.reduce(into: []) { $0.append($1) }
      }
      #expect(answers.filter { $0 == nil }.count == 20)
      #expect(answers.filter { $0 == "QUOTA" }.count == 5)
      let recorded = try await harness.database.sql(
        "select 1 from client_directory.audit_log where action = 'identifier.reveal'")
      #expect(recorded.count == 20)
      // Another person is not concerned; one place is free once the first reading is an hour old.
      let admin = harness.staff(
        .branchAdmin,
        of: TestOrganization(
          id: employee.organizationID ?? UUID(), branches: Array(employee.branchIDs)))
      _ = try await harness.reveal(client, by: admin)
      try await harness.database.sql(
        """
        update client_directory.identifier_reveals
        set moments = (now() - interval '61 minutes')::timestamptz || moments[2:]
        where account_id = '\(employee.accountID.text)'
        """)
      _ = try await harness.reveal(client, by: employee)
      let refused = await refusal { try await harness.reveal(client, by: employee) }
      #expect(refused?.code == .resourceExhausted)
      #expect(refused?.reason == "QUOTA")
    }
  }

  @Test(
    "only within five minutes of a sign-in, as the token tells; a hidden file stays hidden",
    arguments: Depth.allCases)
  func fresh(depth: Depth) async throws {
    try await withDirectory(depth) { harness in
      let (employee, client) = try await harness.practice()
      try await harness.set(of: client, by: employee)
      var caller = employee
      for moment in [nil, Date().addingTimeInterval(-Caller.signInLife - 1)] {
        caller.signedInAt = moment
        let refused = await refusal { try await harness.reveal(client, by: caller) }
        #expect(refused?.code == .failedPrecondition)
        #expect(refused?.reason == "SIGN_IN_TOO_OLD")
        #expect(
          refused?.resolutions.map(\.rpc) == ["clientele.identity.v1.IdentityService/SignIn"])
        var stranger = harness.staff(.employee, of: harness.organization())
        stranger.signedInAt = moment
        let hidden = await refusal {
          try await harness.api.revealIdentifier(
            RevealIdentifierRequest(
              organizationID: stranger.organization, clientID: client.clientID,
              kind: .nationalNumber, reason: "tax return"), options: stranger.options)
        }
        #expect(hidden?.reason == "CLIENT_NOT_FOUND")
      }
      let rows = try await harness.database.sql(
        "select 1 from client_directory.audit_log where action = 'identifier.reveal'")
      #expect(rows.isEmpty)
      caller.signedInAt = Date().addingTimeInterval(-Caller.signInLife + 60)
      #expect(try await harness.reveal(client, by: caller) == sampleNumber)
    }
  }

  @Test("a reason is wanted, and no number in it")
  func reasons() async throws {
    try await withDirectory { harness in
      let (employee, client) = try await harness.practice()
      try await harness.set(of: client, by: employee)
      for reason in ["", "  a ", String(repeating: "a", count: 201), "of 85.07.30-033.28"] {
        let refused = await refusal {
          try await harness.reveal(client, by: employee, because: reason)
        }
        #expect(refused?.violations.map(\.field) == ["reason"])
      }
    }
  }

  @Test("nothing to read, no basis, or no file that the caller sees")
  func refusals() async throws {
    try await withDirectory { harness in
      let (employee, client) = try await harness.practice()
      let none = await refusal { try await harness.reveal(client, by: employee) }
      #expect(none?.reason == "IDENTIFIER_NOT_SET")
      let organization = harness.organization()
      let lawless = harness.staff(.employee, of: organization)
      let theirs = try await harness.create(by: lawless)
      let basis = await refusal { try await harness.reveal(theirs, by: lawless) }
      #expect(basis?.reason == "IDENTIFIER_BASIS_MISSING")
      let unseen = await refusal {
        try await harness.reveal(theirs, by: harness.staff(.employee, of: organization))
      }
      #expect(unseen?.reason == "CLIENT_NOT_FOUND")
    }
  }

  @Test("a ciphertext that somebody moved to another client or kind does not open")
  func transplants() async throws {
    try await withDirectory { harness in
      let (employee, client) = try await harness.practice()
      try await harness.set(of: client, by: employee)
      let other = try await harness.create(by: employee)
      try await harness.set(anotherNumber, of: other, by: employee)
      try await harness.database.sql(
        """
        update client_directory.identifiers i set ciphertext = j.ciphertext
        from client_directory.identifiers j where j.client_id = '\(client.clientID)'
        and i.client_id = '\(other.clientID)'
        """)
      #expect(try await harness.reveal(client, by: employee) == sampleNumber)
      let refused = await refusal { try await harness.reveal(other, by: employee) }
      #expect(refused != nil)
      try await harness.database.sql(
        """
        update client_directory.identifiers set kind = 3 where client_id = '\(client.clientID)'
        """)
      let moved = await refusal {
        try await harness.reveal(client, .partnerNationalNumber, by: employee)
      }
      #expect(moved != nil)
    }
  }
}
