import Feed
import GRPC
import IdentityAPI
import Logging
import MessagingAPI
import Postgres
public import ServiceKit
import ServiceStorage

extension MessagingService {
  /// Puts messaging together from the process's settings.
  public static func assemble(_ rig: inout Rig) throws -> Assembly {
    let settings = DeliverySettings(&rig.settings)
    let identity = try rig.channel(to: "identity")
    let clientDirectory = try rig.channel(to: "client-directory")
    let database = try rig.database(.service, schema: Messages.schemaVersion)
    let worker = try rig.database(.worker)
    let delivery = try Delivery(
      settings: settings, database: worker, identity: identity, clock: rig.clock,
      logger: rig.logger)
    let service = MessagingService(
      messages: Messages(database: database), clientDirectory: clientDirectory)
    let sealer = try rig.auditSealer(worker)
    let feed = try rig.feed(worker: worker)
    let following = delivery.feed()
    return Assembly(
      services: [.messagingService(service), .feedService(feed)],
      background: [
        BackgroundTask("follow identity") { await delivery.follow(following) },
        delivery.office.task, sealer,
      ] + feed.background,
      isReady: { database.isAvailable && worker.isAvailable },
      figures: { feed.samples() + following.samples() + (await delivery.office.samples()) },
      drain: { feed.stopWaiting() },
      close: {
        await database.close()
        await worker.close()
      })
  }
}

/// From the news of an invitation to a mail that the next server has: the follower of identity's
/// feed, and the jobs that send.
struct Delivery: Sendable {
  let inbox: InvitationInbox
  let office: JobOffice
  private let database: Database
  private let identity: any RPCChannel
  private let logger: Logger

  /// - Parameters:
  ///   - database: as the worker's role.
  ///   - identity: the channel whose feed is followed, and which gives the links.
  ///   - carrier: the way mails go, when it is not the one of the settings.
  /// - Throws: when a template cannot be parsed.
  init(
    settings: DeliverySettings, database: Database, identity: any RPCChannel,
    carrier: (any MailCarrier)? = nil, backoff: Backoff = Backoff(),
    circuits: Circuits = Circuits(), clock: ServiceClock = .system,
    logger: Logger = Logger(label: "messaging") { _ in SwiftLogNoOpLogHandler() }
  ) throws {
    let writer = try InvitationWriter(
      publicURL: settings.publicURL, senderAddress: settings.senderAddress,
      standardLanguage: settings.standardLanguage)
    let kinds = MailJobs(settings)
    let sendings = Sendings(database: database)
    func handler(_ kind: JobKind<MailJob>) -> JobHandler {
      let worker = DeliveryWorker(
        identity: IdentityServiceClient(identity), writer: writer,
        carrier: carrier ?? settings.carrier,
        threads: HandoverThreads(lanes: kind.queue.concurrency), circuits: circuits,
        senderAddress: settings.senderAddress, clock: clock, log: logger, backoff: backoff)
      return sendings.handler(kind, worker)
    }
    inbox = InvitationInbox(writer: writer, kinds: kinds, jobs: Jobs(database: database))
    office = JobOffice(
      worker: database, schema: "messaging", logger: logger, clock: clock,
      handlers: [
        handler(kinds.prompt), handler(kinds.bulk),
        JobHandler(MailJobs.former) { _ in
          try await sendings.adopt(as: kinds.prompt)
          return .done()
        },
      ],
      schedules: [Schedule(MailJobs.former, .every(.seconds(60)))])
    self.database = database
    self.identity = identity
    self.logger = logger
  }

  /// The way to identity's feed.
  func feed() -> FeedFollower {
    FeedFollower(
      source: "identity", channel: identity, database: database, kinds: InvitationInbox.kinds,
      logger: logger)
  }

  /// Follows the feed until it is cancelled.
  func follow(_ feed: FeedFollower) async {
    await feed.run { event in try await inbox.queries(for: event) }
  }
}
