public import ClientDirectoryAPI
public import GRPC
import ServiceKit

extension ClientDirectoryService {
  /// A register number in full, for somebody who has just signed in. The reading is on record, and
  /// counted, before it is answered.
  public func revealIdentifier(
    _ request: RevealIdentifierRequest, in call: CallContext
  ) async throws -> RevealIdentifierResponse {
    var errors = FieldErrors()
    let client = Parse.uuid(request.clientID, "client_id", &errors)
    errors.demandKnown(request.kind)
    let reason = Parse.text(request.reason, "reason", 3...200, &errors)
    if let reason, RegisterNumber.mayStand(in: reason) {
      errors.add("reason", "must not hold a number of a person")
    }
    try errors.throwIfAny()
    guard let client, let reason else { throw ClientDirectoryError.clientNotFound }
    let file = try await file(client, in: call)
    try call.caller().requireFreshSignIn(at: clock.now())
    try await organization.demandNationalNumberBasis(in: call)
    let rows = try await storage.identifiers.all(
      of: client, in: file.organizationID, deadline: call.deadline)
    guard let row = rows.first(where: { $0.kind == request.kind }) else {
      throw ClientDirectoryError.identifierNotSet
    }
    let digits = try await fieldKeys.open(
      row.ciphertext, in: row.kind.field, row: client, of: file.organizationID,
      deadline: call.deadline)
    try await storage.identifiers.recordReveal(row, because: reason, at: clock.now(), in: call)
    let number = try registerNumber(String(decoding: digits, as: UTF8.self), row.kind)
    return RevealIdentifierResponse(number: number.written)
  }
}
