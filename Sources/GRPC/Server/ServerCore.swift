import CommonAPI
import HTTP2
import Logging
import NIOCore
import Protobuf
import Synchronization

/// What all connections of a server share.
final class ServerCore: Sendable {
  let settings: ServerSettings
  let router: Router
  private let interceptors: [any ServerInterceptor]
  let fields: WireFields
  let bounds = BoundCounters()
  let logger: Logger
  let health: HealthStatus
  /// How much each method matters.
  let ranks: [Criticality]
  /// What a caller gets whose call is refused for the load.
  let overloaded: FieldBlock
  /// What a caller of a stream gets when requests hold too much.
  let tooMuchHeld = RPCError(
    .resourceExhausted, reason: "OVERLOADED", "the server holds too much of requests")
  let overloadAfter: Int64
  let turnNanoseconds: Int64
  /// The method that holds no place for as long as it is answered; -1 without.
  let watchRoute: Int
  /// Methods from this one on belong to the server itself: whoever may connect may call them.
  private let firstBuiltIn: Int
  private let inFlight = Atomic(0)
  // Lengths as plain numbers: every call adds them to the time.
  let bodyIdleNanoseconds: Int64
  /// The first moment at which a caller may be found to owe something.
  let leastPatience: Int64
  private let firstMessageNanoseconds: Int64
  let streamIdleNanoseconds: Int64
  private let defaultNanoseconds: Int64
  private let longestNanoseconds: Int64
  private let streamNanoseconds: Int64

  init(
    services: [ServiceBinding], builtIn: [ServiceBinding], interceptors: [any ServerInterceptor],
    settings: ServerSettings, health: HealthStatus, logger: Logger
  ) {
    self.settings = settings
    self.interceptors = interceptors
    let longest = settings.longestDeadline.clampedNanoseconds
    bodyIdleNanoseconds = settings.bodyIdleTimeout.clampedNanoseconds
    firstMessageNanoseconds = Self.nanoseconds(orNever: settings.firstMessageTimeout)
    streamIdleNanoseconds = Self.nanoseconds(orNever: settings.streamIdleTimeout)
    leastPatience = min(bodyIdleNanoseconds, firstMessageNanoseconds, streamIdleNanoseconds)
    longestNanoseconds = longest
    streamNanoseconds = settings.longestStream.clampedNanoseconds
    defaultNanoseconds = min(settings.defaultDeadline.clampedNanoseconds, longest)
    self.health = health
    self.logger = logger
    router = Router(services + builtIn)
    firstBuiltIn = services.reduce(0) { $0 + $1.handlers.count }
    ranks = router.handlers.map { Criticality($0.method.access.criticality) }
    overloadAfter = settings.admission.interval.clampedNanoseconds
    turnNanoseconds = settings.admission.turn.clampedNanoseconds
    watchRoute = router.handlers.lastIndex { $0.method.path == HealthStatus.watchPath } ?? -1
    var pushback = Metadata()
    let milliseconds = settings.admission.pushback.clampedNanoseconds / 1_000_000
    pushback.append(
      received: Metadata.Entry(key: "grpc-retry-pushback-ms", value: .text("\(milliseconds)")))
    fields = WireFields(settings, bounds)
    overloaded = fields.trailersOnly(
      RPCError(.resourceExhausted, reason: "OVERLOADED", "the server has too much to do"),
      trailers: pushback)
  }

  private static func nanoseconds(orNever length: Duration) -> Int64 {
    length > .zero ? length.clampedNanoseconds : .max
  }

  /// How long a caller that sends messages may be silent; `.max` for as long as it likes. Who may
  /// call without a name may not think for long.
  func messagePatience(_ route: Int, isFirst: Bool) -> Int64 {
    if isBuiltIn(route) { return bodyIdleNanoseconds }
    return isFirst ? firstMessageNanoseconds : streamIdleNanoseconds
  }

  /// How long a caller may take nothing of an answer in streams; `.max` for as long as it likes.
  func takingPatience(_ route: Int) -> Int64 {
    isBuiltIn(route) ? settings.writeIdleTimeout.clampedNanoseconds : streamIdleNanoseconds
  }

  /// Calls whose handlers have not ended.
  var callsInFlight: Int { inFlight.load(ordering: .relaxed) }

  /// A handler has begun on a connection.
  func began() { inFlight.wrappingAdd(1, ordering: .relaxed) }

  /// The places of one event loop.
  var placesPerLoop: Int {
    let loops = max(1, settings.loops)
    return max(1, (settings.inFlightMax + loops - 1) / loops)
  }

  /// Bytes of one request message of a method.
  func requestBytesMax(_ route: Int) -> Int {
    isBuiltIn(route)
      ? min(settings.requestBytesMax, settings.builtInRequestBytesMax) : settings.requestBytesMax
  }

  /// True when a stream that ends now ends since no stream lasts longer.
  func isOfGreatestAge(_ call: ServerCall) -> Bool {
    router.isStream[call.route]
      && call.context.deadline.nanoseconds &- call.beganAt >= streamNanoseconds
  }

  var heldBytesPerLoop: Int { settings.heldBytesMax / max(1, settings.loops) }

  /// Health and reflection are answered whatever else there is to do.
  func isAlwaysAdmitted(_ route: Int) -> Bool { route >= firstBuiltIn }

  /// Takes a place for a call inside the process; false when the server is full.
  func admit(route: Int) -> Bool {
    let before = inFlight.wrappingAdd(1, ordering: .relaxed).oldValue
    if before < settings.inFlightMax || isAlwaysAdmitted(route) { return true }
    release()
    bounds.add(.inFlight)
    return false
  }

  func interceptors(route: Int) -> [any ServerInterceptor] {
    route < firstBuiltIn ? interceptors : []
  }

  /// True for health and reflection.
  private func isBuiltIn(_ route: Int) -> Bool { route >= firstBuiltIn }

  /// Gives a place back, once the handler has really ended.
  func release() {
    inFlight.wrappingSubtract(1, ordering: .relaxed)
  }

  /// The deadline of a call that came at this moment and named this time, or none. Streams last as
  /// long as their callers say, `longestStream` at most.
  func deadline(
    _ timeout: Duration?, from now: Int64, streaming: Bool, endless: Bool = false
  ) -> Deadline {
    guard let timeout else {
      if endless { return .distantFuture }
      let length = streaming ? streamNanoseconds : defaultNanoseconds
      return Deadline(nanoseconds: now &+ length)
    }
    let longest = streaming ? streamNanoseconds : longestNanoseconds
    return Deadline(nanoseconds: now &+ max(0, min(timeout.clampedNanoseconds, longest)))
  }

  /// What the caller gets for a request that cannot be read.
  func unreadable(_ error: DecodeError) -> RPCError {
    if let bound = error.bound.flatMap({ ServerBound(rawValue: $0.rawValue) }) { bounds.add(bound) }
    return RPCError(
      .invalidArgument, reason: "MALFORMED_MESSAGE", "the request cannot be read: \(error)")
  }

  /// What the caller gets for an error that a handler threw.
  func explain(_ error: any Error, _ method: MethodDescriptor) -> RPCError {
    var told = RPCError.unknownCause
    if let known = RPCError(known: error) {
      told = known
    } else {
      logger.error(
        "handler failed",
        metadata: ["method": "\(method.path)", "error": "\(String(reflecting: error))"])
    }
    if told.code == .ok { told.code = .internalError }
    return told
  }

  /// - Parameter namesPeers: true when whoever gets to send a frame has shown a certificate.
  func sessionSettings(namesPeers: Bool) -> SessionSettings {
    var session = SessionSettings(role: .server)
    session.streamsMax = settings.streamsMax
    session.headerListBytesMax = settings.headerListBytesMax
    session.headerFieldsMax = settings.headerFieldsMax
    session.headerFieldBytesMax = settings.headerFieldBytesMax
    session.streamWindow = settings.streamWindow
    session.connectionWindow = settings.connectionWindow
    session.outboundFramesMax = settings.outboundFramesMax
    session.continuationsMax = settings.continuationsMax
    session.resetsReceived =
      (namesPeers ? settings.resetsReceivedOfNamed : settings.resetsReceived).rate
    session.resetsSent = settings.resetsSent.rate
    session.pings = settings.pings.rate
    session.settingsFrames = settings.settingsFrames.rate
    session.priorities = settings.priorities.rate
    session.emptyData = settings.emptyData.rate
    session.cheapFrames = settings.cheapFrames.rate
    return session
  }
}
