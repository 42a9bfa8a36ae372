import CommonAPI
import Foundation
import GRPC
import IdentityAPI
import Protobuf
import TestKit
import Testing

@testable import IdentityCore

@Suite struct SignInTests {
  @Test("by e-mail or username; only a hash of the token is stored (B5)", arguments: Depth.allCases)
  func signedIn(depth: Depth) async throws {
    try await withIdentity(at: depth) { identity in
      let account = try await identity.active("ada@example.org")
      let answer = try await identity.signIn("ADA@example.org")
      #expect(answer.displayName == "Julie Example")
      #expect(answer.sessionToken.hasPrefix("clientele_s_"))
      #expect(answer.session?.accountID == account.accountID)
      #expect(try await identity.signIn(account.username).sessionToken != answer.sessionToken)
      let token = try #require(SessionToken(answer.sessionToken))
      let stored = try await identity.database.sql(
        "select encode(token_hash, 'hex') from identity.sessions order by created_at limit 1")
      let hash = token.hash.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
      #expect(stored == [[hash]])
    }
  }

  @Test("a session's end depends on whether the person works for an organisation")
  func lives() async throws {
    try await withIdentity { identity in
      let account = try await identity.active("ada@example.org")
      let client = try await identity.signIn("ada@example.org").session
      #expect(hours(client, identity) == 24)
      _ = try await identity.staff(account, organization: TestIdentity.id())
      let staff = try await identity.signIn("ada@example.org").session
      #expect(hours(staff, identity) == 12)
    }
  }

  private func hours(_ session: Session?, _ identity: TestIdentity) -> Int {
    let end = session?.expireTime?.date ?? identity.clock.now
    return Int((end.timeIntervalSince(identity.clock.now) / 3600).rounded())
  }

  @Test("whatever is wrong, the refusal is the same and a hash was computed")
  func uniform() async throws {
    try await withIdentity { identity in
      let account = try await identity.active("ada@example.org")
      let pending = try await identity.pending("pending@example.org")
      let before = identity.hasher.hashCount
      var refusals: [RPCError] = []
      let attempts = [
        ("ada@example.org", TestIdentity.other), (account.username, "short"),
        ("nobody@example.org", TestIdentity.password), ("Nobody_here", TestIdentity.password),
        ("pending@example.org", TestIdentity.password), (pending.username, TestIdentity.password),
        ("no name at all @", TestIdentity.password), ("", ""),
        (String(repeating: "x", count: 5000), String(repeating: "y", count: 5000)),
      ]
      for (name, password) in attempts {
        if let refused = await refusal({ try await identity.signIn(name, password) }) {
          refusals.append(refused)
        }
      }
      #expect(refusals.count == attempts.count)
      #expect(Set(refusals).count == 1)
      #expect(refusals.first?.reason == "SIGN_IN_REFUSED")
      #expect(refusals.first?.code == .unauthenticated)
      #expect(identity.hasher.hashCount - before == attempts.count)
    }
  }

  @Test("50 wrong passwords at once: at most 10 are looked at")
  func parallelGuesses() async throws {
    var limits = IdentityLimits.patient
    limits.hashQueue = 100
    limits.failuresPerAddress = 1000
    try await withIdentity(limits: limits) { identity in
      _ = try await identity.active("ada@example.org")
      let before = identity.hasher.hashCount
      let reasons = await withTaskGroup(of: String.self) { group in
        for _ in 0..<50 {
          group.addTask {
            do {
              _ = try await identity.signIn("ada@example.org", TestIdentity.other)
              return "signed in"
            } catch {
              return (error as? RPCError)?.reason ?? "\(error)"
            }
          }
        }
        return await group.reduce(into: [String: Int]()) { $0[$1, default: 0] += 1 }
      }
      #expect(identity.hasher.hashCount - before == 10)
      #expect(reasons == ["SIGN_IN_REFUSED": 10, "SIGN_IN_THROTTLED": 40])
      // The right one waits too, and is let in a quarter of an hour later.
      let throttled = await refusal { try await identity.signIn("ada@example.org") }
      #expect(throttled?.reason == "SIGN_IN_THROTTLED")
      #expect(throttled?.code == .resourceExhausted)
      #expect(throttled?.errorInfoMetadata["retry_after_seconds"] == "900")
      identity.clock.advance(15 * 60)
      _ = try await identity.signIn("ada@example.org")
    }
  }

  @Test("a name that signs nobody in is throttled alike")
  func unknownName() async throws {
    try await withIdentity { identity in
      for _ in 0..<10 {
        let refused = await refusal { try await identity.signIn("nobody@example.org") }
        #expect(refused?.reason == "SIGN_IN_REFUSED")
      }
      let throttled = await refusal { try await identity.signIn("nobody@example.org") }
      #expect(throttled?.reason == "SIGN_IN_THROTTLED")
    }
  }

  @Test("failures are counted by network too; right passwords are not failures")
  func network() async throws {
    var limits = IdentityLimits.patient
    limits.failuresPerAddress = 3
    try await withIdentity(limits: limits) { identity in
      _ = try await identity.active("ada@example.org")
      for _ in 0..<5 {
        _ = try await identity.signIn("ada@example.org", from: "2001:db8::1")
      }
      for host in 1...3 {
        _ = await refusal {
          try await identity.signIn("nobody\(host)@example.org", from: "2001:db8::\(host)")
        }
      }
      let throttled = await refusal {
        try await identity.signIn("ada@example.org", from: "2001:db8::ffff")
      }
      #expect(throttled?.reason == "SIGN_IN_THROTTLED")
      _ = try await identity.signIn("ada@example.org", from: "2001:db8:1::1")
    }
  }

  @Test("a clock that was a month ahead locks nobody once it is right again")
  func clockWasAhead() async throws {
    try await withIdentity { identity in
      _ = try await identity.active("ada@example.org")
      let month = 30.0 * 24 * 3600
      identity.clock.advance(month)
      for host in 1...10 {
        _ = await refusal {
          try await identity.signIn("ada@example.org", "wrong one", from: "192.0.2.\(host)")
        }
      }
      let throttled = await refusal {
        try await identity.signIn("ada@example.org", from: "192.0.2.99")
      }
      #expect(throttled?.reason == "SIGN_IN_THROTTLED")
      identity.clock.advance(-month)
      _ = try await identity.signIn("ada@example.org", from: "192.0.2.99")
    }
  }

  @Test("who would wait too long is refused at once, and loses no attempt")
  func busy() async throws {
    var limits = IdentityLimits.patient
    limits.hashQueue = 0
    try await withIdentity(limits: limits) { identity in
      for _ in 0..<12 {
        let refused = await refusal { try await identity.signIn("ada@example.org") }
        #expect(refused?.reason == "SIGN_IN_BUSY")
        #expect(refused?.code == .resourceExhausted)
      }
      #expect(identity.hasher.hashCount == 0)
    }
  }

  @Test("networks: one IPv4 address, a /64 of IPv6")
  func networks() {
    #expect(Network.of("192.0.2.7") == "192.0.2.7")
    #expect(Network.of("::ffff:192.0.2.7") == "192.0.2.7")
    #expect(Network.of("2001:db8::1") == Network.of("2001:db8::2"))
    #expect(Network.of("2001:db8::1") != Network.of("2001:db8:0:1::1"))
    #expect(Network.of("localhost") == nil)
    #expect(Network.of("") == nil)
  }

  @Test("a hash of former strength or pepper is renewed at sign-in")
  func renewed() async throws {
    try await withIdentity { identity in
      let former = PasswordHasher(
        peppers: PepperKeys(
          current: .init(id: "pepper-2", secret: [UInt8](repeating: 8, count: 32)),
          former: [.init(id: "pepper-1", secret: [UInt8](repeating: 7, count: 32))]))
      let old = try await identity.hasher.hash(
        choosing: Password(choosing: TestIdentity.password), context: [],
        deadline: .after(.seconds(20)))
      let password = Password(trying: TestIdentity.password)
      #expect(old.phc.hasPrefix("$argon2id$v=19$m=19456,t=2,p=1$"))
      #expect(try await former.verify(password, against: old, deadline: .after(.seconds(20))))
      let renewal = await former.renewal(of: old, for: password, deadline: .after(.seconds(20)))
      #expect(renewal?.pepperKeyID == "pepper-2")
      #expect(
        await identity.hasher.renewal(of: old, for: password, deadline: .after(.seconds(20)))
          == nil)
    }
  }
}
