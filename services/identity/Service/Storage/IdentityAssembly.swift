import Feed
import GRPC
import IdentityAPI
import Postgres
public import ServiceKit
import ServiceStorage

extension IdentityService {
  /// Puts identity together from the process's settings.
  public static func assemble(_ rig: inout Rig) throws -> Assembly {
    let limits = IdentityLimits(&rig.settings)
    guard let secrets = IdentitySecrets(&rig.settings) else {
      try rig.settings.check()
      throw MissingKeys()
    }
    let database = try rig.database(.service, schema: IdentityStorage.schemaVersion)
    let worker = try rig.database(.worker)
    let service = IdentityService(
      storage: IdentityStorage(database: database),
      passwords: PasswordHasher(
        peppers: secrets.peppers, dictionary: secrets.dictionary, limits: limits,
        logger: rig.logger),
      links: secrets.links, signer: secrets.signer, limits: limits, clock: rig.clock)
    let housekeeping = Housekeeping(database: worker, clock: rig.clock)
    let sealer = try rig.auditSealer(worker)
    let jobs = JobOffice(
      worker: worker, schema: rig.schema, logger: rig.logger, clock: rig.clock,
      handlers: [housekeeping.handler], schedules: [Housekeeping.schedule])
    let feed = try rig.feed(worker: worker)
    return Assembly(
      services: [
        .identityService(service), .feedService(feed),
      ],
      background: [jobs.task, sealer] + feed.background,
      isReady: { database.isAvailable && worker.isAvailable },
      figures: { feed.samples() + (await jobs.samples()) },
      drain: { feed.stopWaiting() },
      close: {
        await database.close()
        await worker.close()
      })
  }

  /// A key file that holds nothing; the settings list it.
  private struct MissingKeys: Error {}
}
