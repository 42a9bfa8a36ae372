import CommonAPI
public import GRPC

/// Refusals of the access rules.
public enum AccessError: RPCErrorConvertible, Hashable {
  /// The peer's certificate is not among those the method allows.
  case peerNotAllowed
  /// The method needs an end user and the call carries none.
  case contextMissing
  /// The token is malformed, expired, or signed by nobody known.
  case contextInvalid
  /// The request names an organisation the caller does not act in.
  case organizationNotFound
  /// The method is for staff, and the caller is not.
  case staffOnly
  /// The caller lacks a permission.
  case notPermitted(String)
  /// The caller may, and signed in too long ago.
  case signInTooOld

  /// What the caller gets.
  public var rpcError: RPCError {
    switch self {
    case .peerNotAllowed:
      RPCError(
        .permissionDenied, reason: "PEER_NOT_ALLOWED",
        "the certificate of the calling service does not allow this method")
    case .contextMissing:
      RPCError(
        .unauthenticated, reason: "CONTEXT_MISSING",
        "the call needs a signed-in user: metadata clientele-context-bin is missing",
        resolutions: [.init(rpc: Self.signIn, labelKey: "resolution.sign_in")])
    case .contextInvalid:
      RPCError(
        .unauthenticated, reason: "CONTEXT_INVALID", "the context token is not valid any more",
        resolutions: [
          .init(
            rpc: "clientele.identity.v1.IdentityService/IssueContextToken",
            labelKey: "resolution.renew_context")
        ])
    case .organizationNotFound:
      RPCError(.notFound, reason: "ORGANIZATION_NOT_FOUND", "no such organisation")
    case .staffOnly:
      RPCError(.permissionDenied, reason: "STAFF_ONLY", "only staff may do this")
    case .notPermitted(let permission):
      RPCError(
        .permissionDenied, reason: "NOT_PERMITTED", "the caller lacks a permission",
        metadata: ["permission": permission])
    case .signInTooOld:
      RPCError(
        .failedPrecondition, reason: "SIGN_IN_TOO_OLD",
        "this is only done within five minutes of a sign-in",
        resolutions: [.init(rpc: Self.signIn, labelKey: "resolution.sign_in_again")])
    }
  }

  private static let signIn = "clientele.identity.v1.IdentityService/SignIn"
}
