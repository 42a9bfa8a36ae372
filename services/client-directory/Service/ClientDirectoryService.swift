public import ClientDirectoryAPI
public import GRPC
public import ServiceKit

/// Answers the rpcs of client files; one handler a file.
public struct ClientDirectoryService: ClientDirectoryServiceProtocol {
  let storage: ClientDirectoryStorage
  let identity: IdentityPeer
  let organization: OrganizationPeer
  var fieldKeys: FieldKeyring
  let clock: ServiceClock

  /// - Parameters:
  ///   - storage: the service's tables.
  ///   - identity: the way to identity.
  ///   - organization: the way to organization.
  ///   - protection: what register numbers are encrypted with; nil refuses them.
  public init(
    storage: ClientDirectoryStorage, identity: any RPCChannel, organization: any RPCChannel,
    protection: FieldProtectionFiles? = nil, clock: ServiceClock = .system
  ) {
    self.storage = storage
    self.identity = IdentityPeer(identity)
    self.organization = OrganizationPeer(organization)
    fieldKeys = FieldKeyring(files: protection, table: storage.dataKeys)
    self.clock = clock
  }
}
