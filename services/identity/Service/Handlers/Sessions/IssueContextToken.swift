import CommonAPI
import Foundation
public import GRPC
public import IdentityAPI
import ServiceKit

extension IdentityService {
  /// Signs what services may believe about the caller for the next minute.
  public func issueContextToken(
    _ request: IssueContextTokenRequest, in call: CallContext
  ) async throws -> IssueContextTokenResponse {
    var errors = FieldErrors()
    let organization = Parse.optionalUUID(request.organizationID, "organization_id", &errors)
    try errors.throwIfAny()
    guard let token = SessionToken(request.sessionToken) else {
      throw IdentityError.sessionInvalid
    }
    let now = clock.now()
    let use = try await storage.sessions.use(token, at: now, deadline: call.deadline)
    let session = use.session
    let expires = min(now.addingTimeInterval(Double(limits.contextLife)), session.expiresAt)
    var claims = ContextClaims(
      accountID: session.accountID.text, sessionID: session.id.text, issueTime: Timestamp(now),
      expireTime: Timestamp(expires), signInTime: use.openedAt.map { Timestamp($0) })
    if let organization {
      guard let worn = use.memberships.worn(in: organization, as: HatWorn(request.hat)) else {
        throw IdentityError.organizationNotFound
      }
      claims.wear(worn)
    }
    return IssueContextTokenResponse(
      contextToken: try signer.sign(claims), expireTime: Timestamp(expires))
  }
}

extension [MembershipRow] {
  /// The membership to act under; staff when no hat is asked for and both are worn.
  func worn(in organization: UUID, as hat: HatWorn?) -> MembershipRow? {
    let here = filter { $0.organizationID == organization && (hat == nil || $0.hat == hat) }
    return here.first { $0.hat == .staff } ?? here.first
  }
}

extension ContextClaims {
  /// Takes over what a membership says.
  mutating func wear(_ membership: MembershipRow) {
    organizationID = membership.organizationID.text
    hat = membership.hat.onTheWire
    profile = membership.profile.onTheWire
    branchIDs = membership.branchIDs.map(\.text)
    permissions = membership.permissions
    switch membership.hat {
    case .staff: employeeID = membership.recordID.text
    case .client: clientID = membership.recordID.text
    }
  }
}
