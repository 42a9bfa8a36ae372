import Feed
import Foundation
public import GRPC
import IdentityAPI
public import Logging
public import Postgres
public import ServiceKit

/// From the news of an invitation to a mail that the next server has: the follower of identity's
/// feed, and the worker that sends.
public struct Delivery: Sendable {
  let inbox: InvitationInbox
  let worker: DeliveryWorker
  private let database: Database
  private let identity: any RPCChannel
  private let log: Logger
  private let bell = Doorbell()

  /// - Parameters:
  ///   - database: as the worker's role.
  ///   - identity: the channel whose feed is followed, and which gives the links.
  /// - Throws: when a template cannot be parsed.
  public init(
    settings: DeliverySettings, database: Database, identity: any RPCChannel, clock: ServiceClock,
    log: Logger = Logger(label: "messaging")
  ) throws {
    let writer = try InvitationWriter(
      publicURL: settings.publicURL, senderAddress: settings.senderAddress,
      standardLanguage: settings.standardLanguage)
    inbox = InvitationInbox(writer: writer)
    worker = DeliveryWorker(
      queue: MessageQueue(database: database, leaseSeconds: Double(settings.leaseSeconds)),
      identity: IdentityServiceClient(identity), writer: writer, carrier: settings.carrier,
      threads: HandoverThreads(lanes: settings.lanes), senderAddress: settings.senderAddress,
      clock: clock, log: log)
    self.database = database
    self.identity = identity
    self.log = log
  }

  /// What runs beside the server.
  public var tasks: [BackgroundTask] {
    [
      BackgroundTask("follow identity") { await follow() },
      BackgroundTask("send mail") { try await worker.run(bell) },
    ]
  }

  /// Follows the feed until it is cancelled.
  func follow() async {
    let follower = FeedFollower(
      source: "identity", channel: identity, database: database, kinds: InvitationInbox.kinds,
      logger: log)
    await follower.run { event in
      let queries = try inbox.queries(for: event)
      bell.ring()
      return queries
    }
  }
}
