import CommonAPI
import GRPC
import Protobuf

/// Refusals of the gateway itself.
enum GatewayError: Error, RPCErrorConvertible, Hashable {
  /// No route has this path.
  case routeNotFound
  /// The path exists for other HTTP methods.
  case methodNotAllowed([String])
  /// There are more header fields than are taken, or larger ones: which bound, and what it is.
  case headersTooLarge(GatewayBound, Int)
  /// The body has more bytes than are taken.
  case bodyTooLarge(Int)
  /// The body did not arrive in time.
  case bodyTooSlow
  /// The body is no JSON.
  case contentTypeUnsupported
  /// The body is no JSON, or no object, or reaches a bound; says where.
  case bodyMalformed(String, JSONBound?)
  /// A field of the request is wrong: its place by JSON names, and why.
  case fieldInvalid(String, String)
  /// The header `Idempotency-Key` is no UUID.
  case idempotencyKeyInvalid
  /// Nobody is signed in.
  case sessionMissing
  /// The session token is none.
  case sessionInvalid
  /// A browser sent the cookie from a page that is not ours.
  case originRefused
  /// Too many calls, by which bound; the next one may come after this many seconds.
  case rateLimited(GatewayBound, seconds: Int)

  var rpcError: RPCError {
    switch self {
    case .routeNotFound:
      RPCError(.notFound, reason: "ROUTE_NOT_FOUND", "no such path; see /openapi.json")
    case .methodNotAllowed(let methods):
      RPCError(
        .unimplemented, reason: "METHOD_NOT_ALLOWED", "the path takes other methods",
        metadata: ["allow": methods.joined(separator: ", ")])
    case .headersTooLarge(let bound, let max):
      RPCError(
        .resourceExhausted, reason: "HEADERS_TOO_LARGE", "the headers are too large",
        metadata: ["bound": bound.rawValue, "max": String(max)])
    case .bodyTooLarge(let bytes):
      RPCError(
        .resourceExhausted, reason: "BODY_TOO_LARGE", "the body is too large",
        metadata: ["max_bytes": String(bytes)])
    case .bodyTooSlow:
      RPCError(.deadlineExceeded, reason: "BODY_TOO_SLOW", "the body did not arrive in time")
    case .contentTypeUnsupported:
      RPCError(
        .invalidArgument, reason: "CONTENT_TYPE_UNSUPPORTED",
        "the body must be sent as content-type: application/json")
    case .bodyMalformed(let why, _):
      RPCError(.invalidArgument, reason: "BODY_MALFORMED", why)
    case .fieldInvalid(let field, let why):
      RPCError(
        .invalidArgument, reason: "FIELDS_INVALID", "invalid: \(field)",
        violations: [FieldViolation(field: field, description: why)])
    case .idempotencyKeyInvalid:
      RPCError(
        .invalidArgument, reason: "REQUEST_ID_INVALID", "the header Idempotency-Key is no UUID",
        violations: [FieldViolation(field: "Idempotency-Key", description: "must be a UUID")])
    case .sessionMissing:
      RPCError(
        .unauthenticated, reason: "SESSION_MISSING", "sign in first", resolutions: [Self.signIn])
    case .sessionInvalid:
      RPCError(
        .unauthenticated, reason: "SESSION_INVALID", "the session has ended",
        resolutions: [Self.signIn])
    case .originRefused:
      RPCError(
        .permissionDenied, reason: "ORIGIN_REFUSED",
        "a call with the session cookie must come from the gateway's own pages")
    case .rateLimited(_, let seconds):
      RPCError(
        .resourceExhausted, reason: "RATE_LIMITED", "too many calls",
        metadata: ["retry_after_seconds": String(seconds)])
    }
  }

  private static let signIn = Resolution(
    rpc: "clientele.identity.v1.IdentityService/SignIn", labelKey: "resolution.sign_in")

  /// The HTTP status where it says more than the one of the gRPC code.
  var httpStatus: Int? {
    switch self {
    case .methodNotAllowed: 405
    case .headersTooLarge: 431
    case .bodyTooLarge: 413
    case .bodyTooSlow: 408
    case .contentTypeUnsupported: 415
    default: nil
    }
  }

  /// Header fields that belong to the refusal.
  var headers: [EdgeRequest.Header] {
    switch self {
    case .methodNotAllowed(let methods): [.init("allow", methods.joined(separator: ", "))]
    case .rateLimited(_, let seconds): [.init("retry-after", String(seconds))]
    case .contentTypeUnsupported: [.init("accept-post", "application/json")]
    default: []
    }
  }

  /// True when the body was left unread.
  var endsConnection: Bool {
    switch self {
    case .headersTooLarge, .bodyTooLarge, .bodyTooSlow: true
    default: false
    }
  }

  /// The bound that was reached, if any.
  var bound: GatewayBound? {
    switch self {
    case .headersTooLarge(let bound, _), .rateLimited(let bound, _): bound
    case .bodyTooLarge: .bodyBytes
    case .bodyTooSlow: .bodyTime
    case .bodyMalformed(_, let bound): bound.map { GatewayBound($0) }
    default: nil
    }
  }
}
