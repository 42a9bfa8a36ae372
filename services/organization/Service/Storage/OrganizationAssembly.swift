import CommonAPI
public import Feed
public import GRPC
import IdentityAPI
public import Logging
import OrganizationAPI
public import Postgres
public import ServiceKit
import ServiceStorage

extension OrganizationService {
  /// The service with its feed, its worker and its follower.
  ///
  /// - Parameters:
  ///   - database: connected as the role `organization`.
  ///   - worker: connected as the role `organization_worker`.
  ///   - feed: the service's own.
  ///   - identity: the way to identity.
  public static func assembly(
    database: Database, worker: Database, feed: FeedServer, identity: any RPCChannel,
    logger: Logger, clock: ServiceClock
  ) -> Assembly {
    let service = OrganizationService(
      storage: OrganizationStorage(database: database), identity: identity, clock: clock)
    let onboarding = EmployeeOnboarding(identity: service.identity)
    let sweep = AnswerSweep(worker: worker, clock: clock)
    let jobs = JobOffice(
      worker: worker, schema: "organization", logger: logger, clock: clock,
      handlers: [EmployeeJobs.handler(onboarding), sweep.handler],
      schedules: [AnswerSweep.schedule])
    let follower = IdentityFollower(database: worker, channel: identity, logger: logger)
    let following = follower.feed()
    return Assembly(
      services: [
        .organizationService(service), .feedService(feed),
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
