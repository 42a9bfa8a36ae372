import CommonAPI
import GRPC

/// What several handlers refuse, and the ways out. What one alone refuses stands beside its SQL or
/// in its own file, as an `RPCError`.
enum OrganizationError: RPCErrorConvertible, Hashable {
  case organizationNotFound
  case organizationExists
  case branchNotFound
  case branchNotAllowed
  case employeeNotFound
  case employeeExists
  case profileAboveOwn
  case emailInvalid(rpc: String, [FieldViolation])
  case emailOnPlatform(rpc: String, field: String)
  case emailProfessional(rpc: String, field: String)
  case pageTokenInvalid

  var rpcError: RPCError {
    switch self {
    case .organizationNotFound:
      RPCError(.notFound, reason: "ORGANIZATION_NOT_FOUND", "no such organisation")
    case .organizationExists:
      RPCError(
        .alreadyExists, reason: "ORGANIZATION_EXISTS", "this organisation was opened already")
    case .branchNotFound:
      RPCError(
        .notFound, reason: "BRANCH_NOT_FOUND", "no such branch",
        resolutions: [.calling("ListBranches", "resolution.choose_branch")])
    case .branchNotAllowed:
      RPCError(
        .permissionDenied, reason: "BRANCH_NOT_ALLOWED", "the branch is not one of the caller's")
    case .employeeNotFound:
      RPCError(.notFound, reason: "EMPLOYEE_NOT_FOUND", "no such employee")
    case .employeeExists:
      RPCError(
        .alreadyExists, reason: "EMPLOYEE_EXISTS", "this person is an employee already",
        resolutions: [.calling("ListEmployees", "resolution.open_existing_employee")])
    case .profileAboveOwn:
      RPCError(
        .permissionDenied, reason: "PROFILE_ABOVE_OWN", "the profile is above the caller's own",
        resolutions: [.calling("CreateEmployee", "resolution.choose_lower_profile")])
    case .pageTokenInvalid:
      RPCError(
        .invalidArgument, reason: "PAGE_TOKEN_INVALID", "the page token is not of this list",
        violations: [FieldViolation(field: "page_token", description: "is not of this list")])
    case .emailInvalid, .emailOnPlatform, .emailProfessional:
      emailError
    }
  }

  private var emailError: RPCError {
    switch self {
    case .emailInvalid(let rpc, let violations):
      RPCError(
        .invalidArgument, reason: "EMAIL_INVALID", "the e-mail address is not valid",
        violations: violations, resolutions: [.calling(rpc, "resolution.enter_email")])
    case .emailProfessional(let rpc, let field):
      RPCError(
        .alreadyExists, reason: "EMAIL_PROFESSIONAL",
        "the address belongs, or belonged, to a professional account",
        violations: [FieldViolation(field: field, description: "is taken by a professional")],
        resolutions: [.calling(rpc, "resolution.professional.use_another_email")])
    case .emailOnPlatform(let rpc, let field):
      RPCError(
        .alreadyExists, reason: "EMAIL_ON_PLATFORM", "somebody signs in with this address",
        violations: [FieldViolation(field: field, description: "is taken")],
        resolutions: [.calling(rpc, "resolution.use_another_email")])
    default:
      RPCError(.internalError, "internal error")
    }
  }
}

extension Resolution {
  /// A way out by an rpc of this service.
  static func calling(_ rpc: String, _ labelKey: String) -> Resolution {
    Resolution(
      rpc: "clientele.organization.v1.OrganizationService/\(rpc)", labelKey: labelKey)
  }
}
