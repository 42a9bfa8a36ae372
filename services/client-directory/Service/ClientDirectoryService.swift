public import ClientDirectoryAPI
public import GRPC
public import ServiceKit

/// Answers the rpcs of client files; one handler a file.
public struct ClientDirectoryService: ClientDirectoryServiceProtocol {
  let storage: ClientDirectoryStorage
  let identity: IdentityPeer
  let organization: OrganizationPeer
  let clock: ServiceClock

  /// - Parameters:
  ///   - storage: the service's tables.
  ///   - identity: the way to identity.
  ///   - organization: the way to organization.
  public init(
    storage: ClientDirectoryStorage, identity: any RPCChannel, organization: any RPCChannel,
    clock: ServiceClock = .system
  ) {
    self.storage = storage
    self.identity = IdentityPeer(identity)
    self.organization = OrganizationPeer(organization)
    self.clock = clock
  }
}
