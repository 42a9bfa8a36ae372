public import ClientDirectoryAPI
public import GRPC
import ServiceKit

extension ClientDirectoryService {
  /// A client's register numbers, masked: no key is needed.
  public func getIdentifiers(
    _ request: GetIdentifiersRequest, in call: CallContext
  ) async throws -> GetIdentifiersResponse {
    var errors = FieldErrors()
    let client = Parse.uuid(request.clientID, "client_id", &errors)
    try errors.throwIfAny()
    guard let client else { throw ClientDirectoryError.clientNotFound }
    let file = try await file(client, in: call)
    let rows = try await storage.identifiers.all(
      of: client, in: file.organizationID, deadline: call.deadline)
    return GetIdentifiersResponse(identifiers: rows.map(Identifier.init))
  }
}

extension Identifier {
  /// As stored.
  init(_ row: IdentifierRow) {
    self.init(
      clientID: row.clientID.text, kind: row.kind, masked: row.masked,
      createTime: row.createdAt.wire, updateTime: row.updatedAt.wire, etag: "\(row.version)")
  }
}
