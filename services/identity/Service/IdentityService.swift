public import IdentityAPI
public import ServiceKit

/// Who a person is on the platform. Each rpc has a file of its own under Handlers.
public struct IdentityService: IdentityServiceProtocol {
  let storage: IdentityStorage
  let passwords: PasswordHasher
  let links: InvitationKeys
  let signer: ContextSigner
  let limits: IdentityLimits
  let clock: ServiceClock
  let random: Randomness

  /// Puts the service together.
  ///
  /// - Parameters:
  ///   - links: derives invitation links.
  ///   - signer: signs context tokens; identity alone has one.
  ///   - random: gives session tokens and salts.
  public init(
    storage: IdentityStorage, passwords: PasswordHasher, links: InvitationKeys,
    signer: ContextSigner, limits: IdentityLimits = IdentityLimits(),
    clock: ServiceClock = .system, random: Randomness = .system
  ) {
    self.storage = storage
    self.passwords = passwords
    self.links = links
    self.signer = signer
    self.limits = limits
    self.clock = clock
    self.random = random
  }
}
