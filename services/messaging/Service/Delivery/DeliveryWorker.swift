import Foundation
import Logging
import ServiceKit

/// Has a message handed over, and says what became of it.
///
/// The state SENDING and the number of the try are committed before anything leaves. A crash between
/// the next server's yes and our own note of it sends the message once more, under the same id;
/// anything else is sent once.
struct DeliveryWorker<Post: Courier>: Sendable {
  let post: Post
  let clock: ServiceClock
  let log: Logger

  /// Tries once, and says what to note.
  ///
  /// - Parameter mayHaveLeft: an earlier try stopped at an unknown place.
  func send(_ message: Post.Message, mayHaveLeft: Bool) async -> Verdict {
    let outcome = await post.deliver(message, mayHaveLeft: mayHaveLeft)
    let verdict = outcome.verdict(
      refusals: message.refusals, waited: clock.now().timeIntervalSince(message.createdAt),
      patience: Post.patienceSeconds)
    log.info(
      "message tried",
      metadata: [
        "message_id": "\(message.messageID.text)", "attempt": "\(message.attempts)",
        "state": "\(verdict.state.rawValue)", "error": "\(verdict.error)",
      ])
    return Verdict(
      state: verdict.state, error: verdict.error, refused: verdict.refused,
      pause: post.way.backoff.seconds(after: message.attempts))
  }

  /// What to note of a message.
  struct Verdict: Sendable, Hashable {
    let state: MessageState
    /// In words safe to show; empty when all went well.
    let error: String
    /// Whether the place refused it for the moment.
    let refused: Bool
    /// Until the next try, seconds, should there be one.
    let pause: Double
  }
}
