import CommonAPI
public import GRPC
import IdentityAPI
public import OrganizationAPI
public import ServiceKit

/// Answers the rpcs of organisations, branches, employees and policies; one handler a file.
public struct OrganizationService: OrganizationServiceProtocol {
  let storage: OrganizationStorage
  let identity: IdentityServiceClient
  let clock: ServiceClock

  /// - Parameters:
  ///   - storage: the service's tables.
  ///   - identity: the way to identity.
  public init(
    storage: OrganizationStorage, identity: any RPCChannel, clock: ServiceClock = .system
  ) {
    self.storage = storage
    self.identity = IdentityServiceClient(identity)
    self.clock = clock
  }
}
