import Foundation
import GRPC

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

  /// How often a message may be refused for the moment.
  static let refusalsMax = 8

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
  /// - Parameters:
  ///   - waited: since it was queued, seconds.
  ///   - patience: how long it waits for a place that cannot be reached, seconds.
  func verdict(
    refusals: Int, waited: TimeInterval, patience: TimeInterval
  ) -> (state: MessageState, error: String, refused: Bool) {
    switch self {
    case .sent: (.sent, "", false)
    case .refusedForNow(let why):
      (refusals + 1 >= Self.refusalsMax ? .failed : .queued, why, true)
    case .unreachable(let why):
      (waited >= patience ? .failed : .queued, why, false)
    case .failed(let why): (.failed, why, false)
    case .cancelled(let why): (.cancelled, why, false)
    }
  }
}
