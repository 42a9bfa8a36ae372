import CommonAPI
import GRPC
import IdentityAPI
import Logging
import Protobuf

/// Follows identity's feed for what ends context tokens, from the present on; the position is kept
/// in memory, since a gateway that starts has no tokens yet.
struct RevocationFollower: Sendable {
  static let kinds = ["session.revoked", "membership.changed"]
  static let path = "/clientele.feed.v1.FeedService/ListEvents"
  /// How long identity holds an answer back; well within the silence that `ContextTokens` bears.
  static let wait = Int64(2)

  let channel: any RPCChannel
  let tokens: ContextTokens
  let logger: Logger

  /// Runs until the task is cancelled.
  func run() async {
    var position: FeedPosition?
    var isPlaced = false
    var pause = Duration.milliseconds(100)
    while !Task.isCancelled {
      do {
        if !isPlaced {
          position = try await end()
          isPlaced = true
        }
        position = try await step(after: position)
        pause = .milliseconds(100)
      } catch {
        if Task.isCancelled { return }
        if Self.isLost(error) {
          tokens.forgetAll()
          isPlaced = false
        }
        logger.warning("revocations are not heard", metadata: ["error": "\(error)"])
        try? await Task.sleep(for: pause)
        pause = min(pause * 2, .seconds(1))
      }
    }
  }

  /// Whether the feed no longer knows the position: news may have been missed, and it begins anew.
  private static func isLost(_ error: any Error) -> Bool {
    guard let reason = (error as? RPCError)?.reason else { return false }
    return ["POSITION_EXPIRED", "POSITION_AHEAD"].contains(reason)
  }

  /// One page of news, applied. Answers where to go on.
  func step(after position: FeedPosition?) async throws -> FeedPosition? {
    let page = try await list(after: position, size: 500, wait: Self.wait)
    var revocations: [Revocation] = []
    for event in page.events {
      do {
        try revocations.append(contentsOf: Self.revocation(event))
      } catch {
        logger.error("unreadable event", metadata: ["kind": "\(event.kind)", "error": "\(error)"])
        tokens.forgetAll()
      }
    }
    tokens.heard(revocations)
    return page.next ?? page.events.last?.position ?? position
  }

  private static func revocation(_ event: FeedEvent) throws -> [Revocation] {
    switch event.kind {
    case "session.revoked":
      let revoked = try SessionRevoked(serialized: event.payload)
      let session = revoked.sessionID.isEmpty ? nil : revoked.sessionID.lowercased()
      return [.session(account: revoked.accountID.lowercased(), session: session)]
    case "membership.changed":
      guard let changed = try MembershipChanged(serialized: event.payload).membership else {
        return []
      }
      return [
        .membership(
          account: changed.accountID.lowercased(), organization: changed.organizationID.lowercased()
        )
      ]
    default: return []
    }
  }

  // MARK: The present

  /// The position of the last event there is; nil when there is none. The feed has no word for it,
  /// so leaps look for a transaction without successors and halves between find the last event: some
  /// forty reads of one row, however long the history.
  ///
  /// Only positions of events that were shown are used: beyond them a transaction may still commit.
  func end() async throws -> FeedPosition? {
    guard var last = try await first(after: nil) else { return nil }
    var beyond: UInt64?
    var leap: UInt64 = 1
    while true {
      let low = last.transactionID
      let probe: UInt64
      if let beyond {
        guard beyond > low, beyond - low > 1 else { break }
        probe = low + (beyond - low) / 2
      } else {
        let (sum, overflow) = low.addingReportingOverflow(leap)
        guard !overflow, sum < UInt64(Int64.max) else { break }
        probe = sum
        if leap < 1 << 60 { leap *= 4 }
      }
      let from = FeedPosition(transactionID: probe, eventID: 0)
      if let next = try await first(after: from) { last = next } else { beyond = probe }
    }
    return last
  }

  private func first(after position: FeedPosition?) async throws -> FeedPosition? {
    try await list(after: position, size: 1, wait: 0).events.first?.position
  }

  private func list(
    after position: FeedPosition?, size: Int32, wait: Int64
  ) async throws -> ListEventsResponse {
    let request = ListEventsRequest(
      after: position, pageSize: size, wait: wait > 0 ? ProtoDuration(seconds: wait) : nil,
      kinds: Self.kinds)
    let answer = try await channel.unary(
      path: Self.path, request: request.serialized(),
      options: CallOptions(timeout: .seconds(wait + 2)))
    return try ListEventsResponse(serialized: answer.message)
  }
}
