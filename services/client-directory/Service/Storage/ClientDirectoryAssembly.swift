import ClientDirectoryAPI
import CommonAPI
public import Feed
public import GRPC
public import Logging
public import Postgres
public import ServiceKit
import ServiceStorage

extension ClientDirectoryService {
  /// The service with its feed, its worker and its follower.
  ///
  /// - Parameters:
  ///   - database: connected as the role `client_directory`.
  ///   - worker: connected as the role `client_directory_worker`.
  ///   - feed: the service's own.
  ///   - identity: the way to identity.
  ///   - organization: the way to organization.
  ///   - protection: what register numbers are encrypted with; nil refuses them.
  public static func assembly(
    database: Database, worker: Database, feed: FeedServer, identity: any RPCChannel,
    organization: any RPCChannel, protection: FieldProtectionFiles?, logger: Logger,
    clock: ServiceClock
  ) -> Assembly {
    let service = ClientDirectoryService(
      storage: ClientDirectoryStorage(database: database), identity: identity,
      organization: organization, protection: protection, clock: clock)
    let sweep = AnswerSweep(worker: worker, clock: clock)
    let jobs = JobOffice(
      worker: worker, schema: "client_directory", logger: logger, clock: clock,
      handlers: [
        InvitationJobs.handler(Invitations(identity: service.identity)),
        Reencryption(database: database, fieldKeys: service.fieldKeys, clock: clock).handler,
        IndexRotation(database: database, fieldKeys: service.fieldKeys).handler,
        sweep.handler,
      ],
      schedules: [AnswerSweep.schedule])
    let follower = IdentityFollower(
      clients: service.storage.clients, worker: worker, identity: service.identity,
      channel: identity, logger: logger, clock: clock)
    let following = follower.feed()
    return Assembly(
      services: [
        .clientDirectoryService(service), .feedService(feed),
      ],
      background: [jobs.task, follower.task(following)] + feed.background,
      isReady: { database.isAvailable && worker.isAvailable },
      figures: { feed.samples() + following.samples() + (await jobs.samples()) },
      drain: { feed.stopWaiting() },
      close: {
        await database.close()
        await worker.close()
      })
  }
}
