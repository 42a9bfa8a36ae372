import ClientDirectoryAPI
import CommonAPI
import Crypto
import Foundation
import GRPC
import Protobuf
import ServiceKit
import TestKit
import Testing

@testable import ClientDirectoryCore

@Suite struct SetIdentifierTests {
  @Test(
    "a number is kept, masked, found by its index; once a request id", arguments: Depth.allCases)
  func sets(depth: Depth) async throws {
    try await withDirectory(depth) { harness in
      let (employee, client) = try await harness.practice()
      let request = SetIdentifierRequest.sample(of: client)
      let first = try await harness.api.setIdentifier(request, options: employee.options)
      #expect(first.masked == "**.**.**-***.28")
      #expect(first.clientID == client.clientID)
      #expect(first.kind == .nationalNumber)
      #expect(first.etag == "1")
      var spelled = request
      spelled.number = "85073003328"
      let again = try await harness.api.setIdentifier(spelled, options: employee.options)
      #expect(again == first)
      #expect(try await harness.database.count("identifiers") == 1)
      var other = request
      other.number = anotherNumber
      let reused = other
      let refused = await refusal {
        try await harness.api.setIdentifier(reused, options: employee.options)
      }
      #expect(refused?.reason == "REQUEST_ID_REUSED")
      #expect(try await harness.find(sampleNumber, by: employee) == client)
    }
  }

  @Test("another number takes its place, under the etag")
  func replaces() async throws {
    try await withDirectory { harness in
      let (employee, client) = try await harness.practice()
      let first = try await harness.set(of: client, by: employee)
      let second = try await harness.set(
        anotherNumber, of: client, etag: first.etag, by: employee)
      #expect(second.etag == "2")
      #expect(second.createTime == first.createTime)
      let stale = await refusal {
        try await harness.set(of: client, etag: first.etag, by: employee)
      }
      #expect(stale?.reason == "STALE_ETAG")
      let none = await refusal {
        try await harness.set(
          "123456782", .socialInsuranceNumber, of: client, etag: "1", by: employee)
      }
      #expect(none?.reason == "STALE_ETAG")
      #expect(try await harness.reveal(client, by: employee) == anotherNumber)
      // The first is free again.
      let other = try await harness.create(by: employee)
      _ = try await harness.set(of: other, by: employee)
    }
  }

  @Test("many at a time: each succeeds or is told, and one remains")
  func concurrent() async throws {
    try await withDirectory { harness in
      let (employee, client) = try await harness.practice()
      let reasons = await withTaskGroup(of: String?.self) { group in
        for number in [sampleNumber, anotherNumber, sampleNumber, anotherNumber] {
          group.addTask {
            await refusal { try await harness.set(number, of: client, by: employee) }?.reason
          }
        }
        return await group.reduce(into: []) { $0.append($1) }
      }
      #expect(reasons.allSatisfy { $0 == nil || $0 == "STALE_ETAG" }, "\(reasons)")
      #expect(try await harness.database.count("identifiers") == 1)
      #expect(
        [sampleNumber, anotherNumber].contains(try await harness.reveal(client, by: employee)))
    }
  }

  @Test("one number is one client's of an organisation, whoever is a partner or elsewhere")
  func unique() async throws {
    try await withDirectory { harness in
      let (employee, client) = try await harness.practice()
      try await harness.set(of: client, by: employee)
      let spouse = try await harness.create(by: employee)
      let taken = await refusal { try await harness.set(of: spouse, by: employee) }
      #expect(taken?.code == .alreadyExists)
      #expect(taken?.reason == "IDENTIFIER_IN_THIS_ORG")
      #expect(taken?.resolutions.first?.rpc.hasSuffix("/FindClientByIdentifier") == true)
      try await harness.set(anotherNumber, of: spouse, by: employee)
      try await harness.set(sampleNumber, .partnerNationalNumber, of: spouse, by: employee)
      try await harness.set(anotherNumber, .partnerNationalNumber, of: client, by: employee)
      #expect(try await harness.find(sampleNumber, by: employee) == client)
      #expect(try await harness.find(sampleNumber, .partnerNationalNumber, by: employee) == spouse)
      // Another organisation has its own.
      let (foreigner, theirs) = try await harness.practice()
      try await harness.set(of: theirs, by: foreigner)
    }
  }

  @Test("nobody is their own partner, in either order")
  func ownPartner() async throws {
    try await withDirectory { harness in
      let (employee, client) = try await harness.practice()
      for kinds in [
        [IdentifierKind.nationalNumber, .partnerNationalNumber],
        [.partnerNationalNumber, .nationalNumber],
      ] {
        let client = try await harness.create(by: employee)
        try await harness.set(anotherNumber, kinds[0], of: client, by: employee)
        let refused = await refusal {
          try await harness.set(anotherNumber, kinds[1], of: client, by: employee)
        }
        #expect(refused?.reason == "IDENTIFIER_INVALID")
        _ = try await harness.api.deleteIdentifier(
          DeleteIdentifierRequest(
            organizationID: client.organizationID, clientID: client.clientID, kind: kinds[0]),
          options: employee.options)
      }
      try await harness.set(of: client, by: employee)
    }
  }

  @Test("off until the legal basis is recorded, and again once it is taken back")
  func basis() async throws {
    try await withDirectory { harness in
      let employee = harness.staff(.employee, of: harness.organization())
      let client = try await harness.create(by: employee)
      let refused = await refusal { try await harness.set(of: client, by: employee) }
      #expect(refused?.code == .failedPrecondition)
      #expect(refused?.reason == "IDENTIFIER_BASIS_MISSING")
      #expect(
        refused?.resolutions.map(\.rpc)
          == ["clientele.organization.v1.OrganizationService/SetNationalNumberBasis"])
      #expect(try await harness.database.count("data_keys") == 0)
      // At once, although the no was asked for a moment ago.
      try harness.allowIdentifiers(to: employee)
      try await harness.set(of: client, by: employee)
    }
  }

  @Test("what is no number is refused, and not repeated")
  func invalid() async throws {
    try await withDirectory { harness in
      let (employee, client) = try await harness.practice()
      for (kind, number) in [
        (IdentifierKind.nationalNumber, "85.07.30-033.29"), (.nationalNumber, ""),
        (.socialInsuranceNumber, sampleNumber), (.partnerNationalNumber, "123456782"),
      ] {
        let refused = await refusal {
          try await harness.set(number, kind, of: client, by: employee)
        }
        #expect(refused?.code == .invalidArgument)
        #expect(refused?.reason == "IDENTIFIER_INVALID")
        #expect(refused?.violations.map(\.field) == ["number"])
        if let refused, !number.isEmpty { #expect(!"\(refused)".contains(number)) }
      }
      for kind in [IdentifierKind.unspecified, .unrecognized(9)] {
        let refused = await refusal {
          try await harness.set(sampleNumber, kind, of: client, by: employee)
        }
        #expect(refused?.violations.map(\.field) == ["kind"])
      }
    }
  }

  @Test("who may not see the file learns nothing", arguments: [Depth.inProcess, .http2])
  func visibility(depth: Depth) async throws {
    try await withDirectory(depth) { harness in
      let organization = harness.organization()
      let client = try await harness.create(by: harness.staff(.employee, of: organization))
      let stranger = harness.staff(.superAdmin, of: harness.organization())
      for caller in [harness.staff(.employee, of: organization), stranger] {
        let refused = await refusal {
          try await harness.api.setIdentifier(
            SetIdentifierRequest(
              organizationID: caller.organization, clientID: client.clientID,
              kind: .nationalNumber, number: sampleNumber), options: caller.options)
        }
        #expect(refused?.reason == "CLIENT_NOT_FOUND")
      }
      let reader = harness.staff(.readOnly, of: organization)
      let refused = await refusal { try await harness.set(of: client, by: reader) }
      #expect(refused?.reason == "NOT_PERMITTED")
    }
  }

  @Test("nothing that is stored tells the number")
  func atRest() async throws {
    try await withDirectory { harness in
      let (employee, client) = try await harness.practice()
      let request = SetIdentifierRequest.sample(of: client)
      _ = try await harness.api.setIdentifier(request, options: employee.options)
      try await harness.reveal(client, by: employee)
      let tables = try await harness.database.sql(
        """
        select table_name from information_schema.tables
        where table_schema = 'client_directory' and table_type = 'BASE TABLE'
        """
      ).compactMap { $0.first ?? nil }
      #expect(tables.contains("idempotency"))
      let spellings = ["85073003328", sampleNumber, "38353037333030333332"]
      for table in tables {
        let rows = try await harness.database.sql("select t::text from client_directory.\(table) t")
        for spelling in spellings {
          #expect(!rows.description.contains(spelling), "\(table)")
        }
      }
      // Nor by its hash: the stored one is of a keyed fingerprint.
      let hash = try await harness.database.sql(
        "select encode(request_hash, 'hex') from client_directory.idempotency where method like '%SetIdentifier'"
      )
      #expect(hash.count == 1)
      for spelling in ["85073003328", sampleNumber] {
        var guess = request
        guess.number = spelling
        #expect(hash != [[sha256(guess.serialized())]])
      }
    }
  }

  @Test("without keys, or with them destroyed or elsewhere, a clear reason")
  func keys() async throws {
    try await withDirectory(isProtected: false) { harness in
      let (employee, client) = try await harness.practice()
      let refused = await refusal { try await harness.set(of: client, by: employee) }
      #expect(refused?.code == .failedPrecondition)
      #expect(refused?.reason == "IDENTIFIER_KEYS_MISSING")
    }
    try await withDirectory { harness in
      let (employee, client) = try await harness.practice()
      // Keys of another process, whose secret is not in this one's folder.
      try await harness.database.sql(
        """
        insert into client_directory.data_keys
          (organization_id, purpose, version, master_key_id, wrapped)
        select '\(employee.organization)', p, 1, 'field-1', '\\x00' from generate_series(1, 2) p
        """)
      let missing = await refusal { try await harness.set(of: client, by: employee) }
      #expect(missing?.reason == "IDENTIFIER_KEYS_MISSING")
      try await harness.database.sql(
        "update client_directory.data_keys set wrapped = null, destroyed_at = now()")
      let destroyed = await refusal { try await harness.set(of: client, by: employee) }
      #expect(destroyed?.reason == "IDENTIFIER_KEYS_DESTROYED")
    }
  }
}

private func sha256(_ bytes: [UInt8]) -> String {
  SHA256.hash(data: bytes).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}
