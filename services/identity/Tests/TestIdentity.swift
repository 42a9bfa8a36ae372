import CommonAPI
import Crypto
import Foundation
import GRPC
import IdentityAPI
import Protobuf
import ServiceKit
import Synchronization
import TestKit
import Testing

@testable import IdentityCore

/// Identity on a database of its own, with a clock that the test winds.
struct TestIdentity: Sendable {
  let client: IdentityServiceClient
  let service: IdentityService
  let database: TestDatabase
  let clock: TestClock
  let hasher: PasswordHasher
  let links: InvitationKeys

  /// Fits every rule and every person below.
  static let password = "tulips-in-winter-84"
  static let other = "seven grey umbrellas"
}

/// A wall clock that stands still until it is wound.
final class TestClock: Sendable {
  private let moment = Mutex(Date())

  var now: Date { moment.withLock { $0 } }
  var clock: ServiceClock { ServiceClock { [self] in now } }

  func advance(_ seconds: Double) {
    moment.withLock { $0 = $0.addingTimeInterval(seconds) }
  }
}

/// Runs a test against identity; the caller may call every method, as far as its own rights go.
func withIdentity(
  at depth: Depth = .inProcess, limits: IdentityLimits = .patient,
  as peer: String = "operator", _ body: (TestIdentity) async throws -> Void
) async throws {
  try await withDatabase("identity") { database in
    let clock = TestClock()
    let hasher = PasswordHasher(
      peppers: PepperKeys(current: .init(id: "pepper-1", secret: [UInt8](repeating: 7, count: 32))),
      limits: limits)
    let links = InvitationKeys(current: [UInt8](repeating: 9, count: 32))
    let service = IdentityService(
      storage: IdentityStorage(database: try database.database()), passwords: hasher,
      links: links, signer: TestIssuer.signer, limits: limits, clock: clock.clock)
    try await withService(
      depth, bindings: [.identityService(service)],
      interceptors: [TestIssuer.access(clock.clock)], as: peer
    ) { channel in
      try await body(
        TestIdentity(
          client: IdentityServiceClient(channel), service: service, database: database,
          clock: clock, hasher: hasher, links: links))
    }
  }
}

extension IdentityLimits {
  /// Tests run beside each other on few cores: a password may wait for its hash.
  static let patient: IdentityLimits = {
    var limits = IdentityLimits()
    limits.hashWaitMilliseconds = 20_000
    return limits
  }()
}

/// What a call was refused with; a call that was not is a failure of the test.
func refusal<Answer>(
  sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> Answer
) async -> RPCError? {
  do {
    let answer = try await body()
    Issue.record("was not refused: \(answer)", sourceLocation: sourceLocation)
  } catch let error as RPCError {
    return error
  } catch {
    Issue.record(error, sourceLocation: sourceLocation)
  }
  return nil
}

extension TestIdentity {
  static func id() -> String { UUIDv7.make().text }

  /// A pending account.
  func pending(
    _ email: String = "", given: String = "Julie", family: String = "Example",
    organization: String = id(), professional: Bool = false, request: String = id()
  ) async throws -> Account {
    try await client.createPendingAccount(
      CreatePendingAccountRequest(
        requestID: request, organizationID: organization, givenName: given, familyName: family,
        loginEmail: email, language: "fr-CA", professional: professional))
  }

  /// An invitation of an account.
  func invite(
    _ account: Account, email: String? = nil, organization: String = id(), record: String = id(),
    purpose: InvitationPurpose = .activate, request: String = id()
  ) async throws -> Invitation {
    try await client.createInvitation(
      CreateInvitationRequest(
        requestID: request, organizationID: organization, organizationName: "Studio Nord",
        accountID: account.accountID, purpose: purpose, email: email ?? account.loginEmail,
        language: "fr-CA", recordID: record))
  }

  /// The link of an invitation's latest sending.
  func token(_ invitation: Invitation) async throws -> String {
    try await client.mintInvitationLink(
      MintInvitationLinkRequest(
        organizationID: invitation.organizationID, invitationID: invitation.invitationID,
        sendCount: invitation.sendCount)
    ).token
  }

  func accept(
    _ token: String, password: String = password, request: String = id()
  ) async throws -> AcceptInvitationResponse {
    try await client.acceptInvitation(
      AcceptInvitationRequest(requestID: request, token: token, password: password),
      options: CallOptions(timeout: .seconds(20)))
  }

  /// An account that its holder activated as a client of the organisation.
  func active(
    _ email: String, given: String = "Julie", family: String = "Example",
    organization: String = id(), professional: Bool = false
  ) async throws -> Account {
    let account = try await pending(
      email, given: given, family: family, organization: organization, professional: professional)
    let invitation = try await invite(
      account, email: email.isEmpty ? "somewhere@else.example" : email, organization: organization)
    _ = try await accept(try await token(invitation))
    return account
  }

  func signIn(
    _ identifier: String, _ password: String = password, from address: String = "192.0.2.1"
  ) async throws -> SignInResponse {
    try await client.signIn(
      SignInRequest(identifier: identifier, password: password, remoteAddress: address),
      options: CallOptions(timeout: .seconds(20)))
  }

  /// A staff hat.
  func staff(
    _ account: Account, organization: String, version: Int64 = 1,
    profile: Profile = .superAdmin, active: Bool = true, request: String = id()
  ) async throws -> Membership {
    try await client.putMembership(
      PutMembershipRequest(
        requestID: request,
        membership: Membership(
          accountID: account.accountID, organizationID: organization, hat: .staff,
          profile: profile, branchIDs: [Self.id()], permissions: ["clients.create"],
          recordID: Self.id(), active: active, version: version,
          organizationName: "Studio Nord")))
  }

  /// Calls as the holder of a session.
  func options(_ session: Session) throws -> CallOptions {
    try TestIssuer.options(
      Caller(
        accountID: try #require(UUID(uuidString: session.accountID)),
        sessionID: try #require(UUID(uuidString: session.sessionID))),
      at: clock.now)
  }

  /// Calls as a member of an organisation's staff.
  func staffOptions(_ organization: String, account: UUID = UUID()) throws -> CallOptions {
    let id = try #require(UUID(uuidString: organization))
    return try TestIssuer.options(
      Caller(
        accountID: account, organizationID: id,
        hat: .staff, profile: .employee, sessionID: UUID()),
      at: clock.now)
  }

  /// What is kept of the request of the only call of a method that named its request id.
  func storedHash(of method: String) async throws -> String {
    let rows = try await database.sql(
      """
      select encode(request_hash, 'hex') from identity.idempotency where method like '%/\(method)'
      """)
    return try #require(rows.count == 1 ? rows[0].first ?? nil : nil)
  }

  /// Kinds of the events, in order.
  func news() async throws -> [String] {
    try await database.sql(
      "select kind from identity.events order by transaction_id, event_id"
    ).compactMap { $0.first.flatMap { $0 } }
  }
}

extension Message {
  /// The SHA-256 of the bytes, as hexadecimal digits.
  var sha256: String {
    SHA256.hash(data: serialized()).map { String(format: "%02x", $0) }.joined()
  }
}
