import Feed
import GRPC
import IdentityAPI
public import ServiceKit
import ServiceStorage

extension IdentityService {
  /// Puts identity together from the process's settings.
  public static func assemble(_ rig: inout Rig) async throws -> Assembly {
    let limits = IdentityLimits(&rig.settings)
    let secrets = IdentitySecrets(&rig.settings)
    let database = try rig.database(.service)
    let worker = try rig.database(.worker)
    guard let secrets else { throw ServiceSettings.Invalid(problems: ["keys are missing"]) }
    let service = IdentityService(
      storage: IdentityStorage(database: database),
      passwords: PasswordHasher(
        peppers: secrets.peppers, dictionary: secrets.dictionary, limits: limits),
      links: secrets.links, signer: secrets.signer, limits: limits, clock: rig.clock)
    let housekeeping = Housekeeping(database: worker, clock: rig.clock)
    return Assembly(
      services: [
        .identityService(service), .feedService(FeedServer(database: worker)),
      ],
      background: [BackgroundTask("housekeeping") { try await housekeeping.run() }],
      isReady: { database.isAvailable && worker.isAvailable },
      close: {
        await database.close()
        await worker.close()
      })
  }
}
