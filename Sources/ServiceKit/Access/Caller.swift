public import CommonAPI
public import Foundation
public import GRPC
import ServiceContextModule

/// Who is calling, as identity vouched for it: parsed claims of a verified context token.
public struct Caller: Sendable, Hashable {
  /// The account.
  public var accountID: UUID
  /// The organisation the call is bound to; nil when none was chosen.
  public var organizationID: UUID?
  /// The side of the account in use.
  public var hat: Hat
  /// The staff profile; unspecified for clients.
  public var profile: Profile
  /// Branches the profile is limited to.
  public var branchIDs: Set<UUID>
  /// What the profile permits.
  public var permissions: Set<String>
  /// The session the token was issued for.
  public var sessionID: UUID
  /// The client record behind a client's hat.
  public var clientID: UUID?
  /// The employee record behind a staff hat.
  public var employeeID: UUID?
  /// When they signed in; nil when the token does not say.
  public var signedInAt: Date?

  /// True for a member of staff.
  public var isStaff: Bool { hat == .staff }

  /// Puts a caller together, for tests and for identity.
  public init(
    accountID: UUID, organizationID: UUID? = nil, hat: Hat = .unspecified,
    profile: Profile = .unspecified, branchIDs: Set<UUID> = [], permissions: Set<String> = [],
    sessionID: UUID, clientID: UUID? = nil, employeeID: UUID? = nil, signedInAt: Date? = nil
  ) {
    self.accountID = accountID
    self.organizationID = organizationID
    self.hat = hat
    self.profile = profile
    self.branchIDs = branchIDs
    self.permissions = permissions
    self.sessionID = sessionID
    self.clientID = clientID
    self.employeeID = employeeID
    self.signedInAt = signedInAt
  }

  /// Reads claims; nil when an id in them is malformed.
  public init?(_ claims: ContextClaims) {
    guard let account = UUID(text: claims.accountID),
      let session = UUID(text: claims.sessionID),
      let organization = Self.optional(claims.organizationID),
      let client = Self.optional(claims.clientID),
      let employee = Self.optional(claims.employeeID)
    else { return nil }
    let branches = claims.branchIDs.compactMap(UUID.init(text:))
    guard branches.count == claims.branchIDs.count else { return nil }
    self.init(
      accountID: account, organizationID: organization, hat: claims.hat,
      profile: claims.profile, branchIDs: Set(branches), permissions: Set(claims.permissions),
      sessionID: session, clientID: client, employeeID: employee,
      signedInAt: claims.signInTime?.date)
  }

  /// The outer nil says malformed, the inner one absent.
  private static func optional(_ text: String) -> UUID?? {
    if text.isEmpty { return .some(nil) }
    return UUID(text: text).map { .some($0) }
  }

  /// True when the caller has the permission, such as "clients.create".
  public func may(_ permission: String) -> Bool { permissions.contains(permission) }

  /// Throws PERMISSION_DENIED/NOT_PERMITTED unless the caller has the permission.
  public func require(_ permission: String) throws {
    guard may(permission) else { throw AccessError.notPermitted(permission) }
  }

  /// How long after a sign-in what is most sensitive may be done, in seconds (reliability.md 2.2).
  public static let signInLife: TimeInterval = 300

  /// Throws FAILED_PRECONDITION/SIGN_IN_TOO_OLD unless the caller signed in within the last five
  /// minutes, as the token says; one that does not say is too old.
  public func requireFreshSignIn(at moment: Date) throws {
    guard let signedInAt, moment.timeIntervalSince(signedInAt) <= Self.signInLife else {
      throw AccessError.signInTooOld
    }
  }
}

private enum CallerKey: ServiceContextKey {
  typealias Value = Caller
}

extension CallContext {
  /// The caller whose token was verified; nil for calls without one.
  public var verifiedCaller: Caller? {
    get { context[CallerKey.self] }
    set { context[CallerKey.self] = newValue }
  }

  /// The caller. Throws UNAUTHENTICATED/CONTEXT_MISSING without one.
  public func caller() throws -> Caller {
    guard let verifiedCaller else { throw AccessError.contextMissing }
    return verifiedCaller
  }

  /// The organisation the caller acts in. Throws UNAUTHENTICATED/CONTEXT_MISSING without one.
  public func organization() throws -> UUID {
    guard let organization = try caller().organizationID else { throw AccessError.contextMissing }
    return organization
  }
}

extension CallOptions {
  /// Options for a call that no end user waits for: a job, a follower.
  public static func background(timeout: Duration = .seconds(5)) -> CallOptions {
    CallOptions(timeout: timeout)
  }
}
