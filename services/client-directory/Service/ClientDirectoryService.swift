public import ClientDirectoryAPI
public import GRPC
public import ServiceKit

/// Answers the rpcs of client files; one handler a file.
public struct ClientDirectoryService: ClientDirectoryServiceProtocol {
  let storage: ClientDirectoryStorage
  let identity: IdentityPeer
  let organization: OrganizationPeer
  let invitations: WakeSignal
  let clock: ServiceClock

  /// - Parameters:
  ///   - storage: the service's tables.
  ///   - identity: the way to identity.
  ///   - organization: the way to organization.
  ///   - invitations: wakes the worker that has clients invited.
  public init(
    storage: ClientDirectoryStorage, identity: any RPCChannel, organization: any RPCChannel,
    invitations: WakeSignal = WakeSignal(), clock: ServiceClock = .system
  ) {
    self.storage = storage
    self.identity = IdentityPeer(identity)
    self.organization = OrganizationPeer(organization)
    self.invitations = invitations
    self.clock = clock
  }
}
