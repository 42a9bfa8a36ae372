import ClientDirectoryAPI
import CommonAPI
import Foundation
import GRPC
import IdentityAPI
import Logging
import MessagingAPI
import OrganizationAPI
import Protobuf
import ServiceKit
import Synchronization
import Testing

@testable import GatewayCore

/// Ids used all over.
enum Sample {
  static let organization = "0190a1b2-0000-7000-8000-000000000001"
  static let client = "0190a1b2-0000-7000-8000-000000000002"
  static let account = "0190a1b2-0000-7000-8000-00000000000a"
  static let session = "0190a1b2-0000-7000-8000-00000000000b"
  static let token = "clientele_s_abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
  static let clients = "/v1/organizations/\(organization)/clients"
}

/// Services that answer as a test scripts them, and remember what they were asked.
final class ScriptedServices: Sendable {
  struct Seen: Sendable {
    let path: String
    let request: any Message
    let metadata: Metadata
  }

  typealias Answer = @Sendable (any Message, CallContext) async throws -> any Message

  private struct State: Sendable {
    var answers: [String: Answer] = [:]
    var seen: [Seen] = []
    var events: [FeedEvent] = []
    var isFeedDown = false
    /// The feed reaches to before this transaction, and refuses places beyond it.
    var horizon = UInt64.max
  }

  private let state = Mutex(State())

  init() {
    answer(IdentityServiceMethods.issueContextToken) { (request: IssueContextTokenRequest, _) in
      Self.contextToken(organization: request.organizationID)
    }
  }

  /// What a method answers from now on.
  func answer<Request: Message, Response: Message>(
    _ method: MethodDescriptor,
    _ body: @escaping @Sendable (Request, CallContext) async throws -> Response
  ) {
    state.withLock {
      $0.answers[method.path] = { request, call in
        guard let request = request as? Request else { throw RPCError(.internalError, "type") }
        return try await body(request, call)
      }
    }
  }

  /// Requests of a method, in order.
  func seen(_ method: MethodDescriptor) -> [Seen] {
    state.withLock { $0.seen.filter { $0.path == method.path } }
  }

  /// Requests of a method with their type.
  func requests<Request: Message>(
    _ method: MethodDescriptor, as type: Request.Type = Request.self
  ) -> [Request] {
    seen(method).compactMap { $0.request as? Request }
  }

  /// Announces something in identity's feed.
  func announce(_ kind: String, _ payload: some Message, transaction: UInt64) {
    state.withLock {
      let event = FeedEvent(
        position: FeedPosition(transactionID: transaction, eventID: UInt64($0.events.count + 1)),
        kind: kind, payload: payload.serialized())
      $0.events.append(event)
      if $0.horizon < .max { $0.horizon = transaction + 1 }
    }
  }

  /// Puts the feed back to its first events, as after a restore.
  func restoreFeed(keeping count: Int) {
    state.withLock {
      $0.events = Array($0.events.prefix(count))
      $0.horizon = ($0.events.last?.position?.transactionID ?? 0) + 1
    }
  }

  /// Lets the feed fail, or answer again.
  func setFeedDown(_ isDown: Bool) {
    state.withLock { $0.isFeedDown = isDown }
  }

  static func contextToken(
    organization: String, lifetime: TimeInterval = 60
  ) -> IssueContextTokenResponse {
    let expires = Timestamp(Date().addingTimeInterval(lifetime))
    let claims = ContextClaims(
      accountID: Sample.account, organizationID: organization, hat: .staff,
      sessionID: Sample.session, issueTime: .now(), expireTime: expires)
    let token = ContextToken(keyID: "test", claims: claims.serialized(), signature: [1])
    return IssueContextTokenResponse(contextToken: token.serialized(), expireTime: expires)
  }

  // MARK: Backends

  private func respond<Request: Message, Response: Message>(
    _ request: Request, _ call: CallContext, as type: Response.Type
  ) async throws -> Response {
    let answer = state.withLock { state -> Answer? in
      state.seen.append(Seen(path: call.method.path, request: request, metadata: call.metadata))
      return state.answers[call.method.path]
    }
    guard let answer else { throw RPCError(.unimplemented, "not scripted") }
    guard let response = try await answer(request, call) as? Response else {
      throw RPCError(.internalError, "wrong script")
    }
    return response
  }

  private func handler(_ method: MethodDescriptor) -> MethodHandler {
    func open<Request: Message>(_ request: Request.Type) -> MethodHandler {
      func open<Response: Message>(_ response: Response.Type) -> MethodHandler {
        .unary(method) { [self] (request: Request, call: CallContext) -> Response in
          try await respond(request, call, as: Response.self)
        }
      }
      return open(method.responseType)
    }
    return open(method.requestType)
  }

  private func binding(_ service: ServiceDescriptor) -> ServiceBinding {
    ServiceBinding(service, service.methods.map(handler))
  }

  static let listEvents = MethodDescriptor(
    service: "clientele.feed.v1.FeedService", name: "ListEvents", access: AccessRule(),
    requestType: ListEventsRequest.self, responseType: ListEventsResponse.self)

  private var feed: ServiceBinding {
    let service = ServiceDescriptor(
      fullName: "clientele.feed.v1.FeedService", methods: [Self.listEvents], fileDescriptors: [])
    return ServiceBinding(
      service,
      [
        .unary(Self.listEvents) { [self] (request: ListEventsRequest, _) in
          try await list(request)
        }
      ])
  }

  private func list(_ request: ListEventsRequest) async throws -> ListEventsResponse {
    let waits = (request.wait?.seconds ?? 0) > 0 ? 20 : 1
    for _ in 0..<waits {
      let page = try state.withLock { state -> [FeedEvent] in
        if state.isFeedDown { throw RPCError(.unavailable, "down") }
        if let after = request.after, after.transactionID >= state.horizon {
          throw RPCError(.failedPrecondition, reason: "POSITION_AHEAD", "restored")
        }
        let size = request.pageSize > 0 ? Int(request.pageSize) : 100
        let news = state.events.filter { event in
          guard let after = request.after, let position = event.position else { return true }
          return (position.transactionID, position.eventID) > (after.transactionID, after.eventID)
        }
        return Array(news.prefix(size))
      }
      if !page.isEmpty { return ListEventsResponse(events: page, next: page.last?.position) }
      if waits > 1 { try await Task.sleep(for: .milliseconds(5)) }
    }
    return ListEventsResponse(next: request.after)
  }

  /// All four services behind in-process channels.
  var backends: [Backend] {
    var settings = ServerSettings()
    settings.servesReflection = false
    return GatewayProcess.shown.map { name, services in
      let extra = name == "identity" ? [feed] : []
      return Backend(
        name: name, services: services,
        channel: InProcessChannel(services: services.map(binding) + extra, settings: settings))
    }
  }

  /// A gateway before these services.
  func gateway(
    _ settings: GatewaySettings = GatewaySettings(),
    now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
  ) throws -> Gateway {
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    return try Gateway(settings: settings, backends: backends, logger: logger, now: now)
  }
}

// MARK: Requests and answers

extension EdgeRequest {
  /// A request with a JSON body, or with none.
  static func sample(
    _ method: String, _ target: String, json: String? = nil, bearer: String? = nil,
    headers: [String: String] = [:], peer: String = "192.0.2.1"
  ) -> EdgeRequest {
    let parts = target.split(separator: "?", maxSplits: 1).map(String.init)
    var fields = headers.map { Header($0.key, $0.value) }
    if let bearer { fields.append(.init("authorization", "Bearer \(bearer)")) }
    if json != nil, headers["content-type"] == nil {
      fields.append(.init("content-type", "application/json"))
    }
    return EdgeRequest(
      method: method, path: parts[0], query: parts.count == 2 ? parts[1] : "", headers: fields,
      peerAddress: peer
    ) { bytesMax in
      let body = Array((json ?? "").utf8)
      guard body.count <= bytesMax else { throw BodyRefusal.tooLarge }
      return body
    }
  }
}

extension EdgeResponse {
  /// The body as JSON; null when it is none.
  var json: JSONValue { (try? JSONValue(utf8: body)) ?? .null }

  /// The details of an error by the last part of their type.
  func detail(_ name: String) -> JSONValue? {
    json["error"]?["details"]?.array?.first { $0["@type"]?.string?.hasSuffix(name) == true }
  }

  /// The reason of an error.
  var reason: String? { detail("ErrorInfo")?["reason"]?.string }

  /// The bad fields of an error.
  var fields: [String] {
    detail("BadRequest")?["fieldViolations"]?.array?.compactMap { $0["field"]?.string } ?? []
  }

  /// Every value of a header field.
  func headers(_ name: String) -> [String] { headers.filter { $0.name == name }.map(\.value) }
}
