public import ClientDirectoryAPI
public import GRPC
import ServiceKit

extension ClientDirectoryService {
  /// Removes a register number. Needs neither keys nor a legal basis: what may no longer be kept can
  /// always be removed.
  public func deleteIdentifier(
    _ request: DeleteIdentifierRequest, in call: CallContext
  ) async throws -> DeleteIdentifierResponse {
    let client = try identifiedFile(request.clientID, request.kind)
    let file = try await file(client, in: call)
    let intent = try Intent(
      request.requestID, organization: file.organizationID, in: call, for: request)
    return try await storage.clients.once(intent) {
      try await insisting(etag: request.etag) {
        let rows = try await storage.identifiers.all(
          of: client, in: file.organizationID, deadline: call.deadline)
        guard let row = rows.first(where: { $0.kind == request.kind }) else {
          throw ClientDirectoryError.identifierNotSet
        }
        try Self.check(request.etag, against: row)
        return try await storage.identifiers.remove(row, for: intent)
      }
    }
  }
}
