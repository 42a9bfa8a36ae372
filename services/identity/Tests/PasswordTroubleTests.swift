import Foundation
import GRPC
import TestKit
import Testing

@testable import IdentityCore

/// What is wrong with the machine or its keys is nobody's wrong password.
@Suite struct PasswordTroubleTests {
  @Test(
    "what cannot be compared counts as no failure, and is told to be tried again",
    arguments: [
      // argon2 ends with a fault of its own, as without memory.
      "password_hash = replace(password_hash, 'm=19456', 'm=1')",
      "pepper_key_id = 'removed too early'",
    ])
  func uncomparable(change: String) async throws {
    try await withIdentity { identity in
      _ = try await identity.active("ada@example.org")
      try await identity.database.sql("update identity.credentials set \(change)")
      for _ in 0..<12 {
        let refused = await refusal { try await identity.signIn("ada@example.org") }
        #expect(refused?.reason == "PASSWORDS_UNAVAILABLE")
        #expect(refused?.code == .unavailable)
      }
      #expect(try await identity.database.count("sign_in_failures where failures > 0") == 0)
      try await identity.database.sql(
        """
        update identity.credentials set pepper_key_id = 'pepper-1',
          password_hash = replace(password_hash, 'm=1,', 'm=19456,')
        """)
      _ = try await identity.signIn("ada@example.org")
    }
  }

  @Test("without its dictionary cracklib calls no password common")
  func dictionaryGone() async throws {
    func choose(_ text: String, dictionary: String) async throws {
      let hasher = PasswordHasher(
        peppers: PepperKeys(current: .init(id: "p", secret: [UInt8](repeating: 7, count: 32))),
        dictionary: dictionary, limits: .patient)
      _ = try await hasher.hash(
        choosing: Password(choosing: text), context: ["Julie"], deadline: .after(.seconds(20)))
    }
    let gone = await #expect(throws: IdentityError.self) {
      try await choose(TestIdentity.password, dictionary: "/nowhere/cracklib_dict")
    }
    #expect(gone?.rpcError.reason == "PASSWORDS_UNAVAILABLE")
    #expect(gone?.rpcError.code == .unavailable)
    let there = "/var/cache/cracklib/cracklib_dict"
    let common = await #expect(throws: IdentityError.self) {
      try await choose("password1", dictionary: there)
    }
    #expect(common?.rpcError.reason == "PASSWORD_TOO_COMMON")
    // Also for a user without an entry in /etc/passwd, when the tests are run by one.
    try await choose(TestIdentity.password, dictionary: there)
  }
}
