import ClientDirectoryAPI
import Foundation
import GRPC
import ServiceKit

/// Whether a caller may see a client's file: client-directory alone knows, so it is asked on the
/// caller's behalf.
struct ClientSight: Sendable {
  let clients: ClientDirectoryServiceClient

  /// The client; nil when there is none, or none that the caller may see.
  func client(_ id: UUID, in call: CallContext) async throws -> Client? {
    do {
      return try await clients.getClient(
        GetClientRequest(organizationID: call.organization().text, clientID: id.text),
        options: call.onward())
    } catch let error as RPCError where error.code == .notFound {
      return nil
    }
  }

  /// Whether there is a client that the caller may see.
  func covers(_ client: UUID, in call: CallContext) async throws -> Bool {
    try await self.client(client, in: call) != nil
  }
}
