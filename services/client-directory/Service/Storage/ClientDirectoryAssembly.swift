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
  public static func assembly(
    database: Database, worker: Database, feed: FeedServer, identity: any RPCChannel,
    organization: any RPCChannel, logger: Logger, clock: ServiceClock
  ) -> Assembly {
    let signal = WakeSignal()
    let service = ClientDirectoryService(
      storage: ClientDirectoryStorage(database: database), identity: identity,
      organization: organization, invitations: signal, clock: clock)
    let runner = JobRunner(
      "invitations", queue: InvitationJobs(database: worker), signal: signal, logger: logger,
      perform: Invitations(identity: service.identity).perform)
    let follower = IdentityFollower(
      clients: service.storage.clients, identity: service.identity, channel: identity,
      logger: logger, clock: clock)
    let following = follower.feed()
    return Assembly(
      services: [
        .clientDirectoryService(service), .feedService(feed),
      ],
      background: [
        runner.task, follower.task(following), AnswerSweep(worker: worker, clock: clock).task,
      ] + feed.background,
      isReady: { database.isAvailable && worker.isAvailable },
      figures: { feed.samples() + following.samples() },
      drain: { feed.stopWaiting() },
      close: {
        await database.close()
        await worker.close()
      })
  }
}
