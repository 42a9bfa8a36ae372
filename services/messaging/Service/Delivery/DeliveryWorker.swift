import Foundation
import GRPC
import IdentityAPI
import Logging
import ServiceKit

/// Takes due messages, writes them, hands them over, and notes what became of them.
///
/// The state SENDING and the number of the try are committed before anything leaves. A crash between
/// the next server's yes and our own note of it sends the mail once more, under the same
/// `Message-ID`; anything else is sent once.
struct DeliveryWorker: Sendable {
  let queue: MessageQueue
  let identity: IdentityServiceClient
  let writer: InvitationWriter
  let carrier: any MailCarrier
  let threads: HandoverThreads
  /// The envelope's sender.
  let senderAddress: String
  let clock: ServiceClock
  let log: Logger
  var backoff = Backoff()

  /// How often a server may refuse a message for the moment.
  static let refusalsMax = 8
  /// How long a message waits for a server that cannot be reached, seconds: three days.
  static let patienceSeconds: TimeInterval = 3 * 24 * 3600
  /// How often to look without being rung for.
  static let pollInterval = Duration.seconds(1)

  /// Works until it is cancelled; the bell says that there may be something to do.
  func run(_ bell: Doorbell) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        while true {
          bell.ring()
          try await Task.sleep(for: Self.pollInterval)
        }
      }
      group.addTask {
        for await _ in bell.rings { try await drain() }
      }
      try await group.next()
      group.cancelAll()
    }
  }

  /// Sends what is due, until nothing is.
  /// - Returns: how many messages were taken.
  @discardableResult
  func drain() async throws -> Int {
    var taken = 0
    while !Task.isCancelled {
      // A task of its own, which is not cancelled: what was claimed is finished before the process
      // stops, instead of waiting for its lease to run out.
      let claimed = try await Task { try await sendOnce() }.value
      if claimed == 0 { break }
      taken += claimed
    }
    return taken
  }

  /// Takes as many messages as may be handed over at once, and sees them through.
  private func sendOnce() async throws -> Int {
    let claimed = try await queue.claim(limit: threads.count)
    if claimed.isEmpty { return 0 }
    CrashPoint.reach("messaging.send.after-claim")
    await withTaskGroup(of: Void.self) { group in
      for (lane, invitation) in claimed.enumerated() {
        group.addTask { await see(invitation, through: lane) }
      }
    }
    return claimed.count
  }

  /// One message's trouble is not the others': what cannot be noted is tried again with its lease.
  private func see(_ invitation: QueuedInvitation, through lane: Int) async {
    do {
      try await deliver(invitation, lane: lane)
    } catch {
      log.error(
        "message not settled",
        metadata: ["message_id": "\(invitation.messageID.text)", "error": "\(error)"])
    }
  }

  private func deliver(_ invitation: QueuedInvitation, lane: Int) async throws {
    if invitation.superseded {
      return try await note(invitation, .cancelled("a newer one took its place"))
    }
    let token: String
    do {
      token = try await identity.mintInvitationLink(
        MintInvitationLinkRequest(
          organizationID: invitation.organizationID.text,
          invitationID: invitation.invitationID.text,
          sendCount: Int32(clamping: invitation.sendCount)),
        options: .background(timeout: .seconds(3))
      ).token
    } catch let error as RPCError {
      return try await note(
        invitation, .init(noLink: error, mayHaveLeft: invitation.abandoned > 0))
    }
    let mail = OutgoingMail(
      messageID: invitation.messageID, createdAt: invitation.createdAt, sender: senderAddress,
      recipient: invitation.recipient, bytes: writer.write(invitation, token: token).bytes)
    let handover = await threads.run(lane: lane) { [carrier] in carrier.handOver(mail) }
    CrashPoint.reach("messaging.send.after-handover")
    try await note(invitation, .init(handover))
    CrashPoint.reach("messaging.send.after-commit")
  }

  private func note(_ invitation: QueuedInvitation, _ outcome: DeliveryOutcome) async throws {
    let verdict = outcome.verdict(
      refusals: invitation.refusals,
      waited: clock.now().timeIntervalSince(invitation.createdAt))
    let pause = verdict.state == .queued ? backoff.seconds(after: invitation.attempts) : 0
    let held = try await queue.settle(
      invitation, verdict.state, error: verdict.error, refused: verdict.refused, pause: pause)
    log.info(
      "message tried",
      metadata: [
        "message_id": "\(invitation.messageID.text)", "attempt": "\(invitation.attempts)",
        "state": "\(verdict.state.rawValue)", "error": "\(verdict.error)", "held": "\(held)",
      ])
  }
}

/// How a try to send a message ended.
enum DeliveryOutcome: Sendable, Hashable {
  case sent
  /// The server refused it for the moment.
  case refusedForNow(String)
  /// Nobody could be asked, which says nothing about the message.
  case unreachable(String)
  /// It will never be sent.
  case failed(String)
  /// There is nothing to send any more.
  case cancelled(String)

  init(_ handover: Handover) {
    switch handover {
    case .taken: self = .sent
    case .refusedForNow(let why): self = .refusedForNow(why)
    case .refusedForGood(let why): self = .failed(why)
    case .unreachable(let why): self = .unreachable(why)
    }
  }

  /// Identity gave no link: for the moment, or because the invitation is not open any more.
  ///
  /// - Parameter mayHaveLeft: an earlier try stopped at an unknown place. An invitation that was
  ///   accepted by the link of this very sending has then arrived.
  init(noLink error: RPCError, mayHaveLeft: Bool = false) {
    switch error.code {
    case .failedPrecondition where mayHaveLeft && error.reason == "INVITATION_ACCEPTED":
      self = .sent
    case .failedPrecondition: self = .cancelled("the invitation is not open any more")
    case .notFound: self = .cancelled("the invitation does not exist any more")
    case .invalidArgument, .permissionDenied, .unimplemented:
      self = .failed("identity refused to give the link")
    default: self = .unreachable("identity cannot be reached")
    }
  }

  /// What to note of a message that was refused so often before and was queued so long ago.
  ///
  /// - Parameter waited: since it was queued, seconds.
  func verdict(
    refusals: Int, waited: TimeInterval
  ) -> (state: MessageState, error: String, refused: Bool) {
    switch self {
    case .sent: (.sent, "", false)
    case .refusedForNow(let why):
      (refusals + 1 >= DeliveryWorker.refusalsMax ? .failed : .queued, why, true)
    case .unreachable(let why):
      (waited >= DeliveryWorker.patienceSeconds ? .failed : .queued, why, false)
    case .failed(let why): (.failed, why, false)
    case .cancelled(let why): (.cancelled, why, false)
    }
  }
}
