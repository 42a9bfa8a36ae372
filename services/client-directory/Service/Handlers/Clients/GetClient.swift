public import ClientDirectoryAPI
public import GRPC
import ServiceKit

extension ClientDirectoryService {
  /// One client whose file the caller may see.
  public func getClient(
    _ request: GetClientRequest, in call: CallContext
  ) async throws -> Client {
    var errors = FieldErrors()
    let client = Parse.uuid(request.clientID, "client_id", &errors)
    try errors.throwIfAny()
    guard let client else { throw ClientDirectoryError.clientNotFound }
    return Client(try await file(client, in: call))
  }
}
