import CommonAPI
import GRPC

extension ClientDirectoryError {
  /// What is refused about register numbers. No text ever holds one.
  var identifierError: RPCError {
    switch self {
    case .identifierInvalid:
      RPCError(
        .invalidArgument, reason: "IDENTIFIER_INVALID", "number is none of this kind",
        violations: [FieldViolation(field: "number", description: "is no number of this kind")],
        resolutions: [.calling("SetIdentifier", "resolution.enter_identifier")])
    case .identifierNotSet:
      RPCError(
        .failedPrecondition, reason: "IDENTIFIER_NOT_SET", "the client has no number of this kind",
        resolutions: [.calling("SetIdentifier", "resolution.enter_identifier")])
    case .identifierInThisOrganization:
      RPCError(
        .alreadyExists, reason: "IDENTIFIER_IN_THIS_ORG",
        "another of this organisation's clients has the number",
        resolutions: [
          .calling("FindClientByIdentifier", "resolution.find_by_identifier"),
          .calling("SetIdentifier", "resolution.enter_identifier"),
        ])
    case .identifierBasisMissing:
      RPCError(
        .failedPrecondition, reason: "IDENTIFIER_BASIS_MISSING",
        "the organisation has not recorded why it may keep register numbers",
        resolutions: [
          Resolution(
            rpc: "clientele.organization.v1.OrganizationService/SetNationalNumberBasis",
            labelKey: "resolution.record_basis")
        ])
    case .identifierKeysMissing(let what):
      RPCError(.failedPrecondition, reason: "IDENTIFIER_KEYS_MISSING", what)
    case .identifierKeysDestroyed:
      RPCError(
        .failedPrecondition, reason: "IDENTIFIER_KEYS_DESTROYED",
        "the organisation's keys were destroyed")
    case .revealQuota:
      RPCError(
        .resourceExhausted, reason: "QUOTA", "more than 20 register numbers read within an hour")
    default:
      RPCError(.internalError, "internal error")
    }
  }
}
