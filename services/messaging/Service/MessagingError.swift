import CommonAPI
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
  /// The client has no primary e-mail address.
  case noPrimaryEmail
  /// The client has no mobile number that SMS can go to.
  case noMobileNumber
  /// The client has been seen in the mobile app.
  case appInstalled
  /// The organisation, or the client, has had as many SMS within a day as are allowed.
  case smsQuota

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
    case .noPrimaryEmail:
      RPCError(
        .failedPrecondition, reason: "NO_PRIMARY_EMAIL", "the client has no primary e-mail address",
        resolutions: [
          .addingContactPoint(
            "resolution.add_primary_email",
            ["kind": "CONTACT_KIND_EMAIL", "rank": "CONTACT_RANK_PRIMARY"])
        ])
    case .noMobileNumber:
      RPCError(
        .failedPrecondition, reason: "NO_MOBILE_NUMBER", "the client has no mobile number",
        resolutions: [
          .addingContactPoint(
            "resolution.add_mobile_number",
            ["kind": "CONTACT_KIND_PHONE", "phoneType": "PHONE_TYPE_MOBILE"])
        ])
    case .appInstalled:
      RPCError(.failedPrecondition, reason: "APP_INSTALLED", "the client has the mobile app")
    case .smsQuota:
      RPCError(.resourceExhausted, reason: "QUOTA", "enough SMS were sent within a day")
    }
  }
}

extension Resolution {
  fileprivate static func addingContactPoint(
    _ labelKey: String, _ fields: [String: String]
  ) -> Resolution {
    Resolution(
      rpc: "clientele.client_directory.v1.ClientDirectoryService/AddContactPoint",
      labelKey: labelKey, fields: fields)
  }
}
