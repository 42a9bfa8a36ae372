public import ClientDirectoryAPI
import FieldProtection
public import GRPC
import ServiceKit

extension ClientDirectoryService {
  /// The client who has a register number, if the caller may see the file. Every question is on
  /// record before it is answered.
  public func findClientByIdentifier(
    _ request: FindClientByIdentifierRequest, in call: CallContext
  ) async throws -> Client {
    var errors = FieldErrors()
    errors.demandKnown(request.kind)
    try errors.throwIfAny()
    try await organization.demandNationalNumberBasis(in: call)
    let number = try registerNumber(request.number, request.kind)
    let keys = try await fieldKeys.keys(
      of: try call.organization(), deadline: call.deadline)
    let holder = try await storage.identifiers.holder(
      request.kind, keys.blindIndex(number.digits, of: request.kind.field), in: call)
    guard let holder else { throw ClientDirectoryError.clientNotFound }
    return Client(try await file(holder, in: call))
  }
}
