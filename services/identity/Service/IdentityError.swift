import CommonAPI
import Foundation
import GRPC

/// Everything identity refuses. Codes are for machines, reasons for clients, texts for developers.
enum IdentityError: RPCErrorConvertible, Hashable {
  case accountNotFound
  case emailInvalid(field: String)
  case emailOnPlatform
  case emailProfessional
  case usernameTaken
  case loginEmailOwnedByHolder
  case invitationNotFound
  case invitationExpired
  case invitationRevoked
  case invitationSuperseded
  case invitationAccepted
  case invitationAddressDiffers
  /// A limit over time is spent; seconds until the next attempt can pass.
  case quota(retryAfter: Int)
  case staleVersion
  case concurrentChange
  case passwordTooShort
  case passwordTooLong
  case passwordTooCommon
  case passwordWrong
  case passwordsUnavailable
  case signInRefused
  case signInThrottled(retryAfter: Int)
  case signInBusy
  case sessionInvalid
  case organizationNotFound

  var rpcError: RPCError {
    RPCError(
      code, reason: reason, text, metadata: metadata, violations: violations,
      resolutions: resolutions)
  }

  private var code: StatusCode {
    switch self {
    case .accountNotFound, .invitationNotFound, .organizationNotFound: .notFound
    case .emailInvalid, .passwordTooShort, .passwordTooLong, .passwordTooCommon: .invalidArgument
    case .emailOnPlatform, .emailProfessional, .usernameTaken: .alreadyExists
    case .loginEmailOwnedByHolder, .invitationExpired, .invitationRevoked, .invitationSuperseded,
      .invitationAccepted, .invitationAddressDiffers:
      .failedPrecondition
    case .quota, .signInThrottled, .signInBusy: .resourceExhausted
    case .staleVersion, .concurrentChange: .aborted
    case .passwordWrong: .permissionDenied
    case .passwordsUnavailable: .unavailable
    case .signInRefused, .sessionInvalid: .unauthenticated
    }
  }

  private var reason: String {
    switch self {
    case .accountNotFound: "ACCOUNT_NOT_FOUND"
    case .emailInvalid: "EMAIL_INVALID"
    case .emailOnPlatform: "EMAIL_ON_PLATFORM"
    case .emailProfessional: "EMAIL_PROFESSIONAL"
    case .usernameTaken: "USERNAME_TAKEN"
    case .loginEmailOwnedByHolder: "LOGIN_EMAIL_OWNED_BY_HOLDER"
    case .invitationNotFound: "INVITATION_NOT_FOUND"
    case .invitationExpired: "INVITATION_EXPIRED"
    case .invitationRevoked: "INVITATION_REVOKED"
    case .invitationSuperseded: "INVITATION_SUPERSEDED"
    case .invitationAccepted: "INVITATION_ACCEPTED"
    case .invitationAddressDiffers: "INVITATION_ADDRESS_DIFFERS"
    case .quota: "QUOTA"
    case .staleVersion: "STALE_VERSION"
    case .concurrentChange: "CONCURRENT_CHANGE"
    case .passwordTooShort: "PASSWORD_TOO_SHORT"
    case .passwordTooLong: "PASSWORD_TOO_LONG"
    case .passwordTooCommon: "PASSWORD_TOO_COMMON"
    case .passwordWrong: "PASSWORD_WRONG"
    case .passwordsUnavailable: "PASSWORDS_UNAVAILABLE"
    case .signInRefused: "SIGN_IN_REFUSED"
    case .signInThrottled: "SIGN_IN_THROTTLED"
    case .signInBusy: "SIGN_IN_BUSY"
    case .sessionInvalid: "SESSION_INVALID"
    case .organizationNotFound: "ORGANIZATION_NOT_FOUND"
    }
  }

  private var text: String {
    switch self {
    case .accountNotFound: "no such account"
    case .emailInvalid: "this is no e-mail address that can be written to"
    case .emailOnPlatform: "somebody signs in with this address already"
    case .emailProfessional: "the address belongs, or belonged, to a professional's account"
    case .usernameTaken: "no username is free for this name; try again"
    case .loginEmailOwnedByHolder:
      "only the account's holder may change the address it signs in with"
    case .invitationNotFound: "no such invitation"
    case .invitationExpired: "the link is too old"
    case .invitationRevoked: "the invitation was taken back"
    case .invitationSuperseded: "a newer link was sent since"
    case .invitationAccepted: "the invitation was accepted already"
    case .invitationAddressDiffers:
      "an account that reserved an address is invited at that address"
    case .quota: "too often; wait"
    case .staleVersion: "a newer version is stored"
    case .concurrentChange: "another call changed the account at the same moment: try again"
    case .passwordTooShort: "a password has at least \(Password.bytesMin) bytes"
    case .passwordTooLong: "a password has at most \(Password.bytesMax) bytes"
    case .passwordTooCommon: "the password is among the first that are guessed"
    case .passwordWrong: "this is not the account's password"
    case .passwordsUnavailable: "passwords cannot be looked at now; the service's log says why"
    case .signInRefused: "name or password are wrong"
    case .signInThrottled: "too many failed attempts; wait"
    case .signInBusy: "too many people sign in at this moment; try again"
    case .sessionInvalid: "the session has ended"
    case .organizationNotFound: "no such organisation"
    }
  }

  private var metadata: [String: String] {
    switch self {
    case .quota(let seconds), .signInThrottled(let seconds):
      ["retry_after_seconds": String(seconds)]
    case .signInBusy: ["retry_after_seconds": "1"]
    default: [:]
    }
  }

  private var violations: [FieldViolation] {
    switch self {
    case .emailInvalid(let field): [FieldViolation(field: field, description: text)]
    case .passwordTooShort, .passwordTooLong, .passwordTooCommon:
      [FieldViolation(field: "password", description: text)]
    default: []
    }
  }

  private var resolutions: [Resolution] {
    switch self {
    case .emailOnPlatform, .emailProfessional:
      [
        Resolution(
          rpc: "clientele.client_directory.v1.ClientDirectoryService/CreateClient",
          labelKey: "resolution.use_username_only",
          fields: ["existingEmailResolution": "EXISTING_EMAIL_RESOLUTION_USERNAME_ONLY"])
      ]
    case .invitationExpired, .invitationSuperseded, .invitationRevoked:
      [
        Resolution(
          rpc: "clientele.client_directory.v1.ClientDirectoryService/ResendInvitation",
          labelKey: "resolution.ask_for_new_invitation")
      ]
    case .invitationAccepted, .sessionInvalid:
      [
        Resolution(
          rpc: "clientele.identity.v1.IdentityService/SignIn", labelKey: "resolution.sign_in")
      ]
    case .loginEmailOwnedByHolder:
      [
        Resolution(
          rpc: "clientele.client_directory.v1.ClientDirectoryService/AddContactPoint",
          labelKey: "resolution.add_as_secondary",
          fields: ["rank": "CONTACT_RANK_SECONDARY"])
      ]
    case .organizationNotFound:
      [
        Resolution(
          rpc: "clientele.identity.v1.IdentityService/GetMe",
          labelKey: "resolution.choose_organization")
      ]
    default: []
    }
  }
}
