import CommonAPI
import Foundation
import GRPC
import IdentityAPI
import ServiceKit
import TestKit
import Testing

@testable import IdentityCore

@Suite struct CreatePendingAccountTests {
  @Test("a username of the shape First_last, and the address", arguments: Depth.allCases)
  func created(depth: Depth) async throws {
    try await withIdentity(at: depth) { identity in
      let first = try await identity.pending("Julie@Example.org")
      #expect(first.username == "Julie_example")
      #expect(first.loginEmail == "Julie@Example.org")
      #expect(first.displayName == "Julie Example")
      #expect(first.state == .pending)
      let second = try await identity.pending()
      #expect(second.username == "Julie_example_2")
      #expect(second.loginEmail.isEmpty)
      #expect(try await identity.pending().username == "Julie_example_3")
      #expect(try await identity.database.count("accounts") == 3)
    }
  }

  @Test(
    "names become Latin letters, digits, dots and hyphens",
    arguments: [
      ("Hélène", "Côté", "Helene_cote"), ("Jan", "Van den Broeck", "Jan_van-den-broeck"),
      ("Søren", "D'Hondt", "Soren_d-hondt"), ("Ивáн", "Łukasz", "Ivan_lukasz"),
      ("A", "B", "A_b"), ("!", "?", "person"),
    ])
  func stems(given: String, family: String, stem: String) {
    #expect(Username.stem(given: given, family: family) == stem)
  }

  @Test("an address only reserved leads to the same pending account, names hidden")
  func shared() async throws {
    try await withIdentity { identity in
      let first = try await identity.pending("ada@example.org", given: "Ada")
      let second = try await identity.pending("ADA@Example.ORG", given: "Countess")
      #expect(second.accountID == first.accountID)
      #expect(second.displayName.isEmpty)
      #expect(try await identity.database.count("accounts") == 1)
    }
  }

  @Test("an address somebody signs in with is taken, a professional's says so (B10, B11)")
  func taken() async throws {
    try await withIdentity { identity in
      _ = try await identity.active("ada@example.org", given: "Ada")
      let known = await refusal { try await identity.pending("Ada@example.org") }
      #expect(known?.reason == "EMAIL_ON_PLATFORM")
      #expect(known?.code == .alreadyExists)
      #expect(known?.resolutions.isEmpty == false)
      let pro = try await identity.active("pro@example.org", given: "Henri")
      let organization = TestIdentity.id()
      _ = try await identity.staff(pro, organization: organization)
      let past = try await identity.staff(
        pro, organization: organization, version: 2, active: false)
      #expect(!past.active)
      let professional = await refusal { try await identity.pending("pro@example.org") }
      #expect(professional?.reason == "EMAIL_PROFESSIONAL")
    }
  }

  @Test("a repeat with the same request_id makes one account, other parameters are refused")
  func repeated() async throws {
    try await withIdentity { identity in
      let organization = TestIdentity.id(), request = TestIdentity.id()
      let first = try await identity.pending(
        "ada@example.org", organization: organization, request: request)
      let again = try await identity.pending(
        "ada@example.org", organization: organization, request: request)
      #expect(first == again)
      let reused = await refusal {
        try await identity.pending(
          "bob@example.org", organization: organization, request: request)
      }
      #expect(reused?.reason == "REQUEST_ID_REUSED")
      #expect(try await identity.database.count("accounts") == 1)
    }
  }

  @Test("a repeat is answered alike even when the address is taken meanwhile")
  func repeatedAfterActivation() async throws {
    try await withIdentity { identity in
      let organization = TestIdentity.id(), request = TestIdentity.id()
      let first = try await identity.pending(
        "ada@example.org", organization: organization, request: request)
      _ = try await identity.accept(try await identity.token(identity.invite(first)))
      let again = try await identity.pending(
        "ada@example.org", organization: organization, request: request)
      #expect(first == again)
    }
  }

  @Test("two calls at once for one address make one account")
  func raced() async throws {
    try await withIdentity { identity in
      let ids = try await withThrowingTaskGroup(of: String.self) { group in
        for _ in 0..<8 {
          group.addTask { try await identity.pending("ada@example.org").accountID }
        }
        return try await group.reduce(into: Set<String>()) { $0.insert($1) }
      }
      #expect(ids.count == 1)
      #expect(try await identity.database.count("login_identifiers") == 2)
    }
  }

  @Test("people of one name at once get a username each")
  func namesakes() async throws {
    try await withIdentity { identity in
      let names = try await withThrowingTaskGroup(of: String.self) { group in
        for _ in 0..<8 { group.addTask { try await identity.pending().username.lowercased() } }
        return try await group.reduce(into: Set<String>()) { $0.insert($1) }
      }
      #expect(names.count == 8)
    }
  }

  @Test("every bad field is named at once")
  func invalid() async throws {
    try await withIdentity { identity in
      let fields = await refusal {
        try await identity.client.createPendingAccount(
          CreatePendingAccountRequest(organizationID: "x", familyName: "B", language: "de"))
      }
      #expect(
        Set(fields?.violations.map(\.field) ?? [])
          == ["organization_id", "given_name", "language", "request_id"])
      let email = await refusal { try await identity.pending("not an address") }
      #expect(email?.reason == "EMAIL_INVALID")
      #expect(email?.code == .invalidArgument)
      #expect(email?.violations.map(\.field) == ["login_email"])
    }
  }
}
