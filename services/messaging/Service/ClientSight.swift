import ClientDirectoryAPI
import Foundation
import GRPC
import ServiceKit

/// Whether a caller may see a client's file: client-directory alone knows, so it is asked on the
/// caller's behalf.
struct ClientSight: Sendable {
  let clients: ClientDirectoryServiceClient

  /// False when there is no such client, or none that the caller may see.
  func covers(_ client: UUID, in call: CallContext) async throws -> Bool {
    do {
      _ = try await clients.getClient(
        GetClientRequest(organizationID: call.organization().text, clientID: client.text),
        options: call.onward())
      return true
    } catch let error as RPCError where error.code == .notFound {
      return false
    }
  }
}
