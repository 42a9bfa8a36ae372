import CommonAPI
import Foundation
import GRPC
import ServiceKit

/// Everything this service refuses, and the ways out; each refusal names one where the seeds do.
enum ClientDirectoryError: RPCErrorConvertible, Hashable {
  case clientNotFound
  case contactPointNotFound
  case contactPointExists
  case contactPointsFull
  case employeeNotFound
  case branchNotFound
  case assignNotAllowed
  case branchNotAllowed
  case notPermitted(String)
  case staleETag
  case pageTokenInvalid
  case filterNotOffered
  case phoneInvalid
  case emailInvalid(EmailWay, field: String)
  case emailRequired
  case noEmailNotConfirmed
  case emailInThisOrganization(EmailWay, visible: UUID?)
  case emailOnPlatform(EmailWay)
  case emailProfessional(EmailWay)
  case loginEmailOwnedByHolder
  case noPrimaryEmail
  case alreadyActive
  case identifierInvalid
  case identifierNotSet
  case identifierInThisOrganization
  case identifierBasisMissing
  case identifierKeysMissing(String)
  case identifierKeysDestroyed
  case revealQuota

  var rpcError: RPCError {
    switch self {
    case .clientNotFound:
      RPCError(.notFound, reason: "CLIENT_NOT_FOUND", "no such client")
    case .employeeNotFound:
      RPCError(.notFound, reason: "EMPLOYEE_NOT_FOUND", "no such employee works here")
    case .branchNotFound:
      RPCError(.notFound, reason: "BRANCH_NOT_FOUND", "no such branch")
    case .assignNotAllowed:
      RPCError(
        .permissionDenied, reason: "ASSIGN_NOT_ALLOWED",
        "only administrators assign a client to another employee")
    case .branchNotAllowed:
      RPCError(
        .permissionDenied, reason: "BRANCH_NOT_ALLOWED",
        "only administrators choose a branch, among their own")
    case .notPermitted(let permission):
      RPCError(
        .permissionDenied, reason: "NOT_PERMITTED", "the caller lacks a permission",
        metadata: ["permission": permission])
    case .staleETag:
      RPCError(
        .aborted, reason: "STALE_ETAG", "somebody changed the file meanwhile: read it again",
        resolutions: [.calling("GetClient", "resolution.read_again")])
    case .pageTokenInvalid:
      .field("PAGE_TOKEN_INVALID", "page_token", "is not of this list")
    case .filterNotOffered:
      .field("FILTER_NOT_OFFERED", "filters", "at most one filter may be given")
    case .phoneInvalid:
      .field("PHONE_INVALID", "value", "is no number with its country code")
    case .contactPointNotFound, .contactPointExists, .contactPointsFull:
      contactPointError
    case .noPrimaryEmail, .alreadyActive, .loginEmailOwnedByHolder:
      accessError
    case .identifierInvalid, .identifierNotSet, .identifierInThisOrganization,
      .identifierBasisMissing, .identifierKeysMissing, .identifierKeysDestroyed, .revealQuota:
      identifierError
    default:
      emailError
    }
  }

  private var contactPointError: RPCError {
    switch self {
    case .contactPointNotFound:
      RPCError(.notFound, reason: "CONTACT_POINT_NOT_FOUND", "no such contact point")
    case .contactPointExists:
      RPCError(
        .alreadyExists, reason: "CONTACT_POINT_EXISTS", "the client has this contact point already",
        resolutions: [.calling("SetPrimaryContactPoint", "resolution.make_primary")])
    default:
      RPCError(
        .failedPrecondition, reason: "CONTACT_POINTS_FULL",
        "the client has \(ClientRow.contactPointsMax) contact points, and no more are kept",
        violations: [FieldViolation(field: "value", description: "is one too many")])
    }
  }

  private var accessError: RPCError {
    switch self {
    case .noPrimaryEmail:
      RPCError(
        .failedPrecondition, reason: "NO_PRIMARY_EMAIL", "the client has no primary e-mail",
        resolutions: [
          .calling(
            "AddContactPoint", "resolution.add_primary_email",
            ["kind": "CONTACT_KIND_EMAIL", "rank": "CONTACT_RANK_PRIMARY"]),
          .calling("SetPrimaryContactPoint", "resolution.make_primary"),
        ])
    case .alreadyActive:
      RPCError(
        .failedPrecondition, reason: "ALREADY_ACTIVE", "the client signs in already")
    default:
      RPCError(
        .failedPrecondition, reason: "LOGIN_EMAIL_OWNED_BY_HOLDER",
        "the client signs in with an address that only the client changes",
        resolutions: [
          .calling(
            "AddContactPoint", "resolution.keep_as_secondary", ["rank": "CONTACT_RANK_SECONDARY"])
        ])
    }
  }

  private var emailError: RPCError {
    switch self {
    case .emailInvalid(let way, let field):
      RPCError(
        .invalidArgument, reason: "EMAIL_INVALID", "the e-mail address is not valid",
        violations: [FieldViolation(field: field, description: "is no e-mail address")],
        resolutions: way.invalid)
    case .emailRequired:
      RPCError(
        .invalidArgument, reason: "EMAIL_REQUIRED", "this organisation's clients have an e-mail",
        violations: [FieldViolation(field: "email", description: "is required")],
        resolutions: [.calling("CreateClient", "resolution.enter_email")])
    case .noEmailNotConfirmed:
      RPCError(
        .invalidArgument, reason: "NO_EMAIL_NOT_CONFIRMED",
        "without an e-mail the client cannot log in: confirm that there is none",
        violations: [FieldViolation(field: "no_email_confirmed", description: "is not set")],
        resolutions: [
          .calling("CreateClient", "resolution.enter_email"),
          .calling("CreateClient", "resolution.confirm_no_email", ["noEmailConfirmed": "true"]),
        ])
    case .emailInThisOrganization(let way, let client):
      RPCError(
        .alreadyExists, reason: "EMAIL_IN_THIS_ORG",
        "one of this organisation's clients has the address",
        resolutions: way.inThisOrganization(client))
    case .emailOnPlatform(let way):
      RPCError(
        .alreadyExists, reason: "EMAIL_ON_PLATFORM", "somebody signs in with this address",
        resolutions: way.onPlatform)
    case .emailProfessional(let way):
      RPCError(
        .alreadyExists, reason: "EMAIL_PROFESSIONAL",
        "the address belongs, or belonged, to a professional account",
        resolutions: way.professional)
    default:
      RPCError(.internalError, "internal error")
    }
  }
}

extension RPCError {
  /// INVALID_ARGUMENT about one field.
  fileprivate static func field(_ reason: String, _ field: String, _ why: String) -> RPCError {
    RPCError(
      .invalidArgument, reason: reason, "\(field) \(why)",
      violations: [FieldViolation(field: field, description: why)])
  }
}

extension Resolution {
  /// A way out by an rpc of this service.
  static func calling(
    _ rpc: String, _ labelKey: String, _ fields: [String: String] = [:]
  ) -> Resolution {
    Resolution(
      rpc: "clientele.client_directory.v1.ClientDirectoryService/\(rpc)", labelKey: labelKey,
      fields: fields)
  }
}

/// Where an address was typed: which rpc takes it again, in another way.
enum EmailWay: Sendable, Hashable {
  /// In CreateClient.
  case create
  /// In AddContactPoint.
  case add
  /// In SetPrimaryContactPoint, about an address the file has already.
  case setPrimary

  private var rpc: String {
    switch self {
    case .create: "CreateClient"
    case .add: "AddContactPoint"
    case .setPrimary: "SetPrimaryContactPoint"
    }
  }

  private var anotherRPC: String { self == .create ? "CreateClient" : "AddContactPoint" }

  private static let usernameOnly = [
    "existingEmailResolution": "EXISTING_EMAIL_RESOLUTION_USERNAME_ONLY"
  ]

  /// Type it again.
  var invalid: [Resolution] { [.calling(anotherRPC, "resolution.enter_email")] }

  /// Open the other file if the caller may; or let the family share the address.
  func inThisOrganization(_ client: UUID?) -> [Resolution] {
    let open = client.map {
      Resolution.calling("GetClient", "resolution.open_existing_client", ["clientId": $0.text])
    }
    return [open].compactMap { $0 } + [
      .calling(rpc, "resolution.in_this_org.use_username_only", Self.usernameOnly),
      .calling(anotherRPC, "resolution.use_another_email"),
    ]
  }

  /// The person has an account: a second one without the address does for now (B8, B10).
  var onPlatform: [Resolution] {
    [
      .calling(rpc, "resolution.on_platform.use_username_only", Self.usernameOnly),
      .calling(anotherRPC, "resolution.use_another_email"),
    ]
  }

  /// A professional's address is best left alone (B11).
  var professional: [Resolution] {
    [
      .calling(anotherRPC, "resolution.professional.use_another_email"),
      .calling(rpc, "resolution.professional.use_username_only", Self.usernameOnly),
    ]
  }
}
