import CommonAPI
import Protobuf

/// Packs and unpacks the details of `google.rpc.Status` that this project uses.
enum StatusDetails {
  static let domain = "clientele"
  private static let prefix = "type.googleapis.com/"

  static func pack<M: Message>(_ message: M) -> ProtoAny {
    ProtoAny(typeURL: prefix + M.fullName, value: message.serialized())
  }

  /// The first detail of that type which can be read; a damaged one counts as absent.
  static func first<M: Message>(_ type: M.Type, in details: [ProtoAny]) -> M? {
    let wanted = prefix + M.fullName
    for detail in details where detail.typeURL == wanted {
      if let message = try? detail.value.withUnsafeBytes({ try M(serialized: $0) }) {
        return message
      }
    }
    return nil
  }

  static func errorInfo(reason: String, metadata: [String: String]) -> ProtoAny {
    pack(ErrorInfo(reason: reason, domain: domain, metadata: metadata))
  }

  static func errorInfo(in details: [ProtoAny]) -> ErrorInfo? {
    first(ErrorInfo.self, in: details)
  }

  static func badRequest(_ violations: [FieldViolation]) -> ProtoAny {
    pack(
      BadRequest(
        fieldViolations: violations.map {
          BadRequest.FieldViolation(field: $0.field, description: $0.description)
        }))
  }

  static func violations(in details: [ProtoAny]) -> [FieldViolation] {
    let found = first(BadRequest.self, in: details)?.fieldViolations ?? []
    return found.map { FieldViolation(field: $0.field, description: $0.description) }
  }

  static func resolutions(_ ways: [Resolution]) -> ProtoAny {
    pack(Resolutions(resolutions: ways))
  }

  static func resolutions(in details: [ProtoAny]) -> [Resolution] {
    first(Resolutions.self, in: details)?.resolutions ?? []
  }

  /// What rides in `grpc-status-details-bin`.
  static func status(of error: RPCError) -> [UInt8] {
    RPCStatusMessage(
      code: Int32(truncatingIfNeeded: error.code.rawValue), message: error.message,
      details: error.details
    ).serialized()
  }

  /// The details of a received `google.rpc.Status`; none when it cannot be read.
  static func details(ofStatus bytes: [UInt8]) -> [ProtoAny] {
    let status = try? bytes.withUnsafeBytes { try RPCStatusMessage(serialized: $0) }
    return status?.details ?? []
  }
}
