import ClientDirectoryAPI
import CommonAPI
import Foundation
import GRPC
import MessagingAPI
import OrganizationAPI
import ServiceKit
import ServiceStorage
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
func fakeClientDirectory(_ client: @escaping @Sendable (UUID) -> Client?) -> any RPCChannel {
  let get = MethodHandler.unary(ClientDirectoryServiceMethods.getClient) {
    (request: GetClientRequest, call) -> Client in
    guard call.metadata.first(binary: ContextVerifier.metadataKey) != nil else {
      throw RPCError(.unauthenticated, reason: "CONTEXT_MISSING", "nobody")
    }
    guard let id = UUID(uuidString: request.clientID), let client = client(id) else {
      throw RPCError(.notFound, reason: "CLIENT_NOT_FOUND", "no such client")
    }
    return client
  }
  return InProcessChannel(
    services: [ServiceBinding(ClientDirectoryServiceMethods.service, [get])],
    peer: Peer(serviceName: "messaging", address: "in-process"))
}

/// Organization as a test scripts it: every organisation has the same name.
private func fakeOrganization() -> any RPCChannel {
  let policy = MethodHandler.unary(OrganizationServiceMethods.getPolicy) {
    (request: GetPolicyRequest, _) in
    Policy(organizationID: request.organizationID, organizationName: "Centre Démo")
  }
  return InProcessChannel(
    services: [ServiceBinding(OrganizationServiceMethods.service, [policy])],
    peer: Peer(serviceName: "messaging", address: "in-process"))
}

extension Stage {
  /// Messaging's rpcs at a depth, with clients of whom nothing is known but that the caller sees
  /// them.
  func serving(
    at depth: Depth, showing visible: Set<UUID> = [],
    _ body: (MessagingServiceClient) async throws -> Void
  ) async throws {
    try await serving(
      at: depth, client: { visible.contains($0) ? Client(clientID: $0.text) : nil }, body)
  }

  /// Messaging's rpcs at a depth.
  ///
  /// - Parameters:
  ///   - smsMax: of an organisation within a day.
  ///   - client: what client-directory knows.
  func serving(
    at depth: Depth, smsMax: Int = 50, client: @escaping @Sendable (UUID) -> Client?,
    _ body: (MessagingServiceClient) async throws -> Void
  ) async throws {
    let pool = try database.database()
    var settings = ServiceSettings([:])
    let service = MessagingService(
      messages: Messages(database: pool),
      reminders: Reminders(
        database: pool, idempotency: Idempotency(database: pool),
        kind: MessageJobs(DeliverySettings(&settings)).sms, perOrganizationMax: smsMax),
      writer: AppReminderWriter(link: "https://app.example", standardLanguage: "en"),
      peers: MessagingService.Peers(
        clientDirectory: fakeClientDirectory(client), identity: channel,
        organization: fakeOrganization()),
      clock: .system)
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
