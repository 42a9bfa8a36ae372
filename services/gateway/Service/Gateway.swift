import CommonAPI
import Foundation
import GRPC
import IdentityAPI
public import Logging
import Metrics
import Protobuf
public import ServiceKit

/// Shows the methods of the services as JSON over HTTP, keeps sessions, and stands between the
/// outside and everything else. Its routes are made from the method tables at start.
public struct Gateway: Sendable {
  let settings: GatewaySettings
  let routes: RouteTable
  let tokens: ContextTokens
  let errors: StatusJSON
  let logger: Logger
  let cookie: SessionCookie
  let origins: OriginRule
  private let backends: [String: Backend]
  private let health: HealthBoard
  let proxies: [AddressBlock]
  let watch: ConnectionWatch
  let bounds = GatewayBounds()
  private let security: SecurityHeaders
  private let pages: PageShelf
  private let byAddress: RateLimiter
  private let bySession: RateLimiter
  private let byPublicCaller: RateLimiter

  /// Puts a gateway together. Throws when a route of the method tables cannot be offered.
  ///
  /// - Parameters:
  ///   - backends: the services; the one named `identity` issues context tokens.
  ///   - now: the monotonic clock of limits, for tests.
  public init(
    settings: GatewaySettings, backends: [Backend], logger: Logger,
    clock: ServiceClock = .system,
    now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
  ) throws {
    self.settings = settings
    self.logger = logger
    let services = backends.flatMap(\.services)
    routes = try RouteTable(services)
    errors = StatusJSON(routes: routes, texts: try Texts(services))
    var byService: [String: Backend] = [:]
    for backend in backends {
      for service in backend.services { byService[service.fullName] = backend }
    }
    self.backends = byService
    health = HealthBoard(backends)
    proxies = settings.trustedProxies.compactMap(AddressBlock.init)
    watch = ConnectionWatch(
      max: settings.connectionsMax, perAddressMax: settings.connectionsPerAddressMax,
      descriptorsKept: settings.descriptorsKept, exempt: proxies)
    cookie = SessionCookie(isSecure: settings.isSecure)
    origins = OriginRule(publicOrigin: settings.publicOrigin)
    security = SecurityHeaders(isSecure: settings.isSecure)
    pages = PageShelf()
    byAddress = RateLimiter(settings.addressRate, now: now)
    bySession = RateLimiter(settings.sessionRate, now: now)
    byPublicCaller = RateLimiter(settings.publicRate, now: now)
    let identity = byService[IdentityServiceMethods.service.fullName]
    tokens = ContextTokens(clock: clock, now: now) { request, deadline, metadata in
      guard let identity else { throw RPCError(.unavailable, "identity is not configured") }
      let answer = try await identity.call(
        IdentityServiceMethods.issueContextToken.path, request.serialized(), isRepeatable: true,
        metadata: metadata, deadline: deadline)
      return try IssueContextTokenResponse(serialized: answer)
    }
  }

  /// Hears of sessions that end and memberships that change, until the task is cancelled. Runs
  /// beside the server; without it no context token is kept.
  public func followRevocations() async {
    guard let identity = backends[IdentityServiceMethods.service.fullName] else { return }
    await RevocationFollower(channel: identity.channel, tokens: tokens, logger: logger).run()
  }

  // MARK: Answering

  /// Answers a request; never fails. Give the task up and the call behind it is cancelled.
  public func respond(to request: EdgeRequest) async -> EdgeResponse {
    let started = ContinuousClock.now
    let requestID = UUIDv7.make().text
    let language = Language(acceptLanguage: request.header("accept-language"))
    let address = request.clientAddress(trusting: proxies)
    var exchange = Exchange(
      request: request, requestID: requestID, language: language, address: address,
      trace: TraceContext())
    var response: EdgeResponse
    do {
      response = try await answer(&exchange)
    } catch {
      response = refusal(error, exchange)
    }
    security.add(to: &response, requestID: requestID)
    response.headers.append(.init("traceresponse", exchange.trace.traceparent))
    if request.method == "HEAD" { response.body = [] }
    log(response, exchange, started)
    return response
  }

  private func answer(_ exchange: inout Exchange) async throws -> EdgeResponse {
    let request = exchange.request
    try Self.allow(byAddress.take(AddressBlock.limitKey(exchange.address)), .addressRate)
    try allowHeaders(of: request)
    if let page = try pages.page(request, language: exchange.language) { return page }
    if request.path == "/healthz" {
      try Self.allowReading(request)
      return await health.response()
    }
    switch routes.tree.find(request.method, request.path) {
    case .nothing: throw GatewayError.routeNotFound
    case .otherMethods(let methods): throw GatewayError.methodNotAllowed(methods)
    case .route(let route, let variables):
      exchange.route = route
      exchange.variables = variables
      return try await call(route, exchange)
    }
  }

  private static func allow(_ wait: Duration?, _ bound: GatewayBound) throws {
    guard let wait else { return }
    throw GatewayError.rateLimited(bound, seconds: Int(clamping: wait.components.seconds) + 1)
  }

  private func allowHeaders(of request: EdgeRequest) throws {
    func allow(_ count: Int, _ max: Int, _ bound: GatewayBound) throws {
      guard count <= max else { throw GatewayError.headersTooLarge(bound, max) }
    }
    let fields = request.headers.map { $0.name.utf8.count + $0.value.utf8.count }
    try allow(fields.count, settings.headerFieldsMax, .headerFields)
    try allow(fields.max() ?? 0, settings.headerFieldBytesMax, .headerFieldBytes)
    let target = request.path.utf8.count + request.query.utf8.count
    try allow(fields.reduce(target, +), settings.headerBytesMax, .headerBytes)
  }

  static func allowReading(_ request: EdgeRequest) throws {
    guard request.method == "GET" || request.method == "HEAD" else {
      throw GatewayError.methodNotAllowed(["GET"])
    }
  }

  /// The limits of a call: by session, or, where nobody needs to be signed in, by address and
  /// stricter, since that is where passwords and links are guessed.
  func limit(_ exchange: Exchange, _ credential: Credential?) throws {
    if let credential {
      try Self.allow(bySession.take(credential.digest), .sessionRate)
    } else {
      try Self.allow(byPublicCaller.take(AddressBlock.limitKey(exchange.address)), .publicRate)
    }
  }

  func backend(of route: Route) throws -> Backend {
    guard let backend = backends[route.method.service] else {
      throw RPCError(.unimplemented, "no service answers this")
    }
    return backend
  }

  // MARK: Refusing

  private func refusal(_ error: any Error, _ exchange: Exchange) -> EdgeResponse {
    let own = error as? GatewayError
    let told: RPCError
    switch error {
    case let error as RPCError: told = error
    case let error as any RPCErrorConvertible: told = error.rpcError
    case is CancellationError: told = RPCError(.cancelled, "the caller gave up")
    default:
      logger.error(
        "fault", metadata: ["error": "\(error)", "request_id": "\(exchange.requestID)"])
      told = RPCError(.internalError, "internal error")
    }
    if let bound = own?.bound ?? (told.code == .deadlineExceeded ? .deadline : nil) {
      bounds.add(bound)
    }
    if told.code == .unavailable || told.code == .internalError {
      logger.warning(
        "failed", metadata: ["error": "\(told)", "request_id": "\(exchange.requestID)"])
    }
    var response = errors.response(
      told, language: exchange.language, variables: exchange.variables,
      httpStatus: own?.httpStatus)
    response.headers += own?.headers ?? []
    response.endsConnection = own?.endsConnection ?? false
    let sent = Credential(exchange.request, cookie: cookie)
    if told.reason == "SESSION_INVALID", sent?.carrier == .cookie {
      response.headers.append(cookie.clearing)
    }
    return response
  }

  /// One line and one figure a request: the route and never the path, query or body, which may hold secrets.
  private func log(
    _ response: EdgeResponse, _ exchange: Exchange, _ started: ContinuousClock.Instant
  ) {
    let spent = started.duration(to: .now)
    let route = exchange.route?.pattern.text ?? "-"
    Timer(
      label: "gateway_handling",
      dimensions: [
        ("route", route), ("method", exchange.route?.rule.method ?? "-"),
        ("status", "\(response.status)"),
      ]
    ).record(duration: spent)
    logger.info(
      "answered",
      metadata: [
        "method": "\(exchange.request.method.prefix(16))",
        "route": "\(route)", "status": "\(response.status)",
        "ms": "\(Int64(spent / .milliseconds(1)))", "request_id": "\(exchange.requestID)",
        "trace_id": "\(exchange.trace.traceID)",
      ])
  }
}

/// A request on its way through the gateway.
struct Exchange: Sendable {
  let request: EdgeRequest
  let requestID: String
  let language: Language
  /// The end user's address.
  let address: String
  /// Begun here: a trace that somebody outside names is not one of ours.
  let trace: TraceContext
  var route: Route?
  var variables: [[String]: String] = [:]
}
