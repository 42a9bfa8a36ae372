import GRPC
import Testing

@testable import MessagingCore

@Suite struct DeliveryOutcomeTests {
  private func state(
    _ outcome: DeliveryOutcome, refusals: Int = 0, waited: Double = 0
  ) -> MessageState {
    outcome.verdict(refusals: refusals, waited: waited, patience: 3600).state
  }

  @Test("a refusal for now is tried again, eight times at most")
  func refusals() {
    #expect(state(.refusedForNow("x"), refusals: 6) == .queued)
    #expect(state(.refusedForNow("x"), refusals: 7) == .failed)
  }

  @Test("a server that cannot be reached uses up no tries, but patience")
  func unreachable() {
    #expect(state(.unreachable("x"), refusals: 7) == .queued)
    #expect(state(.unreachable("x"), waited: 3599) == .queued)
    #expect(state(.unreachable("x"), waited: 3600) == .failed)
  }

  @Test("without a link there is nothing to send, or nothing yet")
  func noLink() {
    #expect(state(.init(noLink: RPCError(.failedPrecondition, "superseded"))) == .cancelled)
    let accepted = RPCError(.failedPrecondition, reason: "INVITATION_ACCEPTED", "accepted")
    #expect(state(.init(noLink: accepted)) == .cancelled)
    #expect(state(.init(noLink: accepted, mayHaveLeft: true)) == .sent)
    #expect(state(.init(noLink: RPCError(.notFound, "gone"))) == .cancelled)
    #expect(state(.init(noLink: RPCError(.permissionDenied, "no"))) == .failed)
    #expect(state(.init(noLink: RPCError(.unavailable, "down"))) == .queued)
    #expect(state(.init(noLink: RPCError(.deadlineExceeded, "slow"))) == .queued)
  }
}
