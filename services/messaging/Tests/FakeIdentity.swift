import CommonAPI
import Feed
import Foundation
import GRPC
import IdentityAPI
import Protobuf
import ServiceKit
import Synchronization

/// Identity as a test scripts it: the news it serves, and how it answers when asked for a link.
final class FakeIdentity: FeedServiceProtocol {
  /// How the next requests for a link are refused; given out from the first on.
  let refusals = Mutex<[RPCError]>([])
  private let events = Mutex<[FeedEvent]>([])
  /// The accounts whose holders were seen in the mobile app.
  let inApp = Mutex<Set<String>>([])
  /// How many links were asked for.
  let links = Mutex(0)

  /// Announces a sending of an invitation.
  @discardableResult
  func announce(_ issued: InvitationIssued) -> FeedEvent {
    let kind = (issued.invitation?.sendCount ?? 1) > 1 ? "invitation.resent" : "invitation.created"
    return announce(
      kind, issued.serialized(), organization: issued.invitation?.organizationID ?? "")
  }

  /// Announces anything.
  @discardableResult
  func announce(_ kind: String, _ payload: [UInt8], organization: String) -> FeedEvent {
    events.withLock { events in
      let number = UInt64(events.count + 1)
      let event = FeedEvent(
        position: FeedPosition(transactionID: number, eventID: number),
        organizationID: organization, kind: kind, aggregateID: UUIDv7.make().text,
        createTime: .now(), payload: payload)
      events.append(event)
      return event
    }
  }

  func listEvents(
    _ request: ListEventsRequest, in call: CallContext
  ) async throws -> ListEventsResponse {
    let after = request.after?.eventID ?? 0
    let news = events.withLock { events in
      events.filter { ($0.position?.eventID ?? 0) > after && request.kinds.contains($0.kind) }
    }
    if news.isEmpty { try await Task.sleep(for: .milliseconds(20)) }
    return ListEventsResponse(events: news, next: news.last?.position ?? request.after)
  }

  /// As a process of an older version would.
  func watchEvents(
    _ request: WatchEventsRequest, to responses: MessageWriter<WatchEventsResponse>,
    in call: CallContext
  ) async throws {
    throw RPCError(.unimplemented, "not yet")
  }

  /// Serves the feed, the links and the accounts; nothing else of identity.
  var bindings: [ServiceBinding] {
    let mint = MethodHandler.unary(IdentityServiceMethods.mintInvitationLink) {
      [self] (request: MintInvitationLinkRequest, _) in try link(request)
    }
    let account = MethodHandler.unary(IdentityServiceMethods.getAccount) {
      [self] (request: GetAccountRequest, _) in
      let hasApp = inApp.withLock { $0.contains(request.accountID) }
      return Account(accountID: request.accountID, appSeenTime: hasApp ? .now() : nil)
    }
    return [.feedService(self), ServiceBinding(IdentityServiceMethods.service, [mint, account])]
  }

  private func link(_ request: MintInvitationLinkRequest) throws -> MintInvitationLinkResponse {
    links.withLock { $0 += 1 }
    if let refusal = refusals.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) { throw refusal }
    return MintInvitationLinkResponse(token: "token-\(request.invitationID)-\(request.sendCount)")
  }
}

extension InvitationIssued {
  /// A sending as identity announces it.
  static func sample(
    organization: UUID = .sampleOrganization, invitation: UUID = UUIDv7.make(),
    sendCount: Int32 = 1, email: String = "ada@example.org", record: UUID = UUIDv7.make(),
    name: String = "Ada Lovelace", language: String = "en",
    purpose: InvitationPurpose = .activate
  ) -> InvitationIssued {
    InvitationIssued(
      invitation: Invitation(
        invitationID: invitation.text, organizationID: organization.text,
        accountID: UUIDv7.make().text, purpose: purpose, state: .pending, email: email,
        recordID: record.text, sendCount: sendCount,
        expireTime: Timestamp(Date().addingTimeInterval(7 * 24 * 3600)), createTime: .now()),
      organizationName: "Centre Démo", displayName: name, username: "Ada_lovelace",
      emailSignsIn: true, language: language)
  }
}

extension UUID {
  static let sampleOrganization = UUID(
    uuid: (1, 0, 0, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 1))
  static let otherOrganization = UUID(
    uuid: (2, 0, 0, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 1))
}
