public import GRPC

/// Refusals of messaging.
public enum MessagingError: RPCErrorConvertible, Hashable {
  /// No such message, or one about a client the caller may not see.
  case messageNotFound
  /// No such client, or one the caller may not see.
  case clientNotFound
  /// The caller may read messages about one client at a time only, and named none.
  case recordRequired
  /// The page token is malformed, or was made for another list.
  case pageTokenInvalid

  /// What the caller gets.
  public var rpcError: RPCError {
    switch self {
    case .messageNotFound:
      RPCError(.notFound, reason: "MESSAGE_NOT_FOUND", "no such message")
    case .clientNotFound:
      RPCError(.notFound, reason: "CLIENT_NOT_FOUND", "no such client")
    case .recordRequired:
      RPCError(
        .permissionDenied, reason: "RECORD_REQUIRED",
        "without the permission messages.read, name the client in record_id",
        metadata: ["permission": "messages.read"])
    case .pageTokenInvalid:
      RPCError(
        .invalidArgument, reason: "PAGE_TOKEN_INVALID", "the page token belongs to another list",
        violations: [.init(field: "page_token", description: "was not made for this list")])
    }
  }
}
