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
    let peers = Peers(
      clientDirectory: try rig.channel(to: "client-directory"), identity: identity,
      organization: try rig.channel(to: "organization"))
    let database = try rig.database(.service, schema: Messages.schemaVersion)
    let worker = try rig.database(.worker)
    let delivery = try Delivery(
      settings: settings, database: worker, identity: identity, clock: rig.clock,
      logger: rig.logger)
    let service = MessagingService(
      messages: Messages(database: database),
      reminders: Reminders(
        database: database, idempotency: Idempotency(database: database),
        kind: MessageJobs(settings).sms, perOrganizationMax: settings.smsDailyMax),
      writer: AppReminderWriter(
        link: settings.appURL, standardLanguage: settings.standardLanguage),
      peers: peers, clock: rig.clock)
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

/// From the news of an invitation, or from what staff asked for, to a message that the next server
/// has: the follower of identity's feed, and the jobs that send.
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
  ///   - smsCarrier: the way SMS go, likewise.
  /// - Throws: when a template cannot be parsed.
  init(
    settings: DeliverySettings, database: Database, identity: any RPCChannel,
    carrier: (any MailCarrier)? = nil, smsCarrier: (any SMSCarrier)? = nil,
    backoff: Backoff = Backoff(), circuits: Circuits = Circuits(), clock: ServiceClock = .system,
    logger: Logger = Logger(label: "messaging") { _ in SwiftLogNoOpLogHandler() }
  ) throws {
    let writer = try InvitationWriter(
      publicURL: settings.publicURL, senderAddress: settings.senderAddress,
      standardLanguage: settings.standardLanguage)
    let kinds = MessageJobs(settings)
    let sendings = Sendings(database: database)
    func handler(
      _ kind: JobKind<MessageJob>, to destination: String, by post: (Way) -> some Courier
    ) -> JobHandler {
      let way = Way(
        destination: destination,
        threads: HandoverThreads(lanes: kind.queue.concurrency), circuits: circuits,
        backoff: backoff)
      return sendings.handler(kind, DeliveryWorker(post: post(way), clock: clock, log: logger))
    }
    let mails = carrier ?? settings.carrier, texts = smsCarrier ?? settings.smsCarrier
    func mailing(_ kind: JobKind<MessageJob>) -> JobHandler {
      handler(kind, to: mails.destination) { way in
        InvitationCourier(
          identity: IdentityServiceClient(identity), writer: writer, carrier: mails,
          senderAddress: settings.senderAddress, way: way)
      }
    }
    let sweep = AnswerSweep(worker: database, clock: clock)
    inbox = InvitationInbox(writer: writer, kinds: kinds, jobs: Jobs(database: database))
    office = JobOffice(
      worker: database, schema: "messaging", logger: logger, clock: clock,
      handlers: [
        mailing(kinds.prompt), mailing(kinds.bulk),
        handler(kinds.sms, to: texts.destination) { SMSCourier(carrier: texts, way: $0) },
        sweep.handler,
      ],
      schedules: [AnswerSweep.schedule])
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
