import CommonAPI
import Foundation
import GRPC
import IdentityAPI
import Postgres
import ServiceKit
import ServiceStorage
import Synchronization
import TestKit

@testable import MessagingCore

/// Messaging from the feed to the mail, on a database of its own, with a scripted identity.
struct Stage: Sendable {
  let database: TestDatabase
  let worker: Database
  let identity: FakeIdentity
  let outbox: URL
  let channel: any RPCChannel

  /// The follower and the worker, put together anew, as after a restart.
  func delivery(
    carrier: (any MailCarrier)? = nil, smsCarrier: (any SMSCarrier)? = nil,
    leaseSeconds: Int = 60, lanes: Int = 4, backoff: Backoff = Backoff(),
    circuits: Circuits = Circuits()
  ) throws -> Delivery {
    var settings = ServiceSettings(["CLIENTELE_OUTBOX": outbox.path])
    var chosen = DeliverySettings(&settings)
    try settings.check()
    chosen.leaseSeconds = leaseSeconds
    chosen.lanes = lanes
    return try Delivery(
      settings: chosen, database: worker, identity: channel, carrier: carrier,
      smsCarrier: smsCarrier, backoff: backoff, circuits: circuits)
  }

  /// Applies news as the follower does.
  func apply(_ issued: InvitationIssued) async throws {
    let event = identity.announce(issued)
    try await worker.run(.none, all: try await delivery().inbox.queries(for: event))
  }

  /// What the outbox holds.
  var mails: [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: outbox.path)) ?? []).sorted()
  }

  /// One column of every message, by send counter.
  func column(_ name: String) async throws -> [String] {
    try await database.sql("select \(name) from messaging.messages order by send_count, message_id")
      .compactMap { $0.first ?? nil }
  }

  /// Makes whatever waits for its next try, or for a lease to run out, due now.
  func makeDue() async throws {
    try await database.sql(
      """
      update messaging.jobs set run_at = now() - interval '1 second';
      update messaging.jobs set lease_until = now() - interval '1 second'
      where lease_until is not null
      """)
  }
}

extension Stage {
  /// Leaves every job as a worker does that took it, began the try, and died.
  func abandonJobs() async throws {
    try await database.sql(
      """
      update messaging.jobs set attempt = attempt + 1, fence = fence + 1,
        abandoned = abandoned + (lease_until is not null)::integer,
        lease_until = now() - interval '1 second', run_at = now() - interval '1 second';
      update messaging.messages set state = 'SENDING', attempts = attempts + 1
      where state in ('QUEUED', 'SENDING')
      """)
  }
}

/// Sets a stage and takes it down again.
func withStage(_ body: (Stage) async throws -> Void) async throws {
  let outbox = FileManager.default.temporaryDirectory.appending(path: "outbox-\(UUID().uuidString)")
  defer { try? FileManager.default.removeItem(at: outbox) }
  try await withDatabase("messaging") { database in
    let identity = FakeIdentity()
    let channel = InProcessChannel(
      services: identity.bindings,
      peer: Peer(serviceName: "messaging", address: "in-process"))
    try await body(
      Stage(
        database: database, worker: try database.database(role: "messaging_worker"),
        identity: identity, outbox: outbox, channel: channel))
  }
}

extension Delivery {
  /// Sends what is due now, and answers how many messages were taken.
  @discardableResult
  func drain() async -> Int { await office.drain() }
}

/// A way to hand mails over that does as it is told.
final class ScriptedCarrier: MailCarrier {
  private let script: Mutex<[Handover]>
  let mails = Mutex<[OutgoingMail]>([])
  let destination = "script"

  init(_ script: [Handover]) { self.script = Mutex(script) }

  func handOver(_ mail: OutgoingMail) -> Handover {
    mails.withLock { $0.append(mail) }
    return script.withLock { $0.isEmpty ? .taken : $0.removeFirst() }
  }
}
