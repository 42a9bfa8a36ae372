import ClientDirectoryAPI
import CommonAPI
import Foundation
import GRPC
import MessagingAPI
import ServiceKit
import TestKit

@testable import MessagingCore

extension Caller {
  /// Staff of an organisation.
  static func staff(
    of organization: UUID = .sampleOrganization, _ permissions: Set<String> = []
  ) -> Caller {
    Caller(
      accountID: UUIDv7.make(), organizationID: organization, hat: .staff, profile: .employee,
      permissions: permissions, sessionID: UUIDv7.make(), employeeID: UUIDv7.make())
  }

  /// Reads every message.
  static var reader: Caller { .staff(["messages.read"]) }
}

/// Client-directory as a test scripts it: it shows some clients and knows no others.
func fakeClientDirectory(showing visible: Set<UUID>) -> any RPCChannel {
  let get = MethodHandler.unary(ClientDirectoryServiceMethods.getClient) {
    (request: GetClientRequest, call) -> Client in
    guard call.metadata.first(binary: ContextVerifier.metadataKey) != nil else {
      throw RPCError(.unauthenticated, reason: "CONTEXT_MISSING", "nobody")
    }
    guard let id = UUID(uuidString: request.clientID), visible.contains(id) else {
      throw RPCError(.notFound, reason: "CLIENT_NOT_FOUND", "no such client")
    }
    return Client(clientID: request.clientID, organizationID: request.organizationID)
  }
  return InProcessChannel(
    services: [ServiceBinding(ClientDirectoryServiceMethods.service, [get])],
    peer: Peer(serviceName: "messaging", address: "in-process"))
}

extension Stage {
  /// Messaging's rpcs at a depth.
  func serving(
    at depth: Depth, showing visible: Set<UUID> = [],
    _ body: (MessagingServiceClient) async throws -> Void
  ) async throws {
    let service = MessagingService(
      messages: Messages(database: try database.database()),
      clientDirectory: fakeClientDirectory(showing: visible))
    try await withService(
      depth, bindings: [.messagingService(service)], interceptors: [TestIssuer.access()]
    ) { channel in
      try await body(MessagingServiceClient(channel))
    }
  }
}

/// The reason of the refusal that something ends in.
func reason(_ body: () async throws -> Void) async -> String? {
  do {
    try await body()
    return nil
  } catch {
    return (error as? RPCError)?.reason ?? "\(error)"
  }
}
