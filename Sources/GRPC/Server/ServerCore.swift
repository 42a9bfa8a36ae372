import HTTP2
import Logging
import NIOCore
import Synchronization

/// What all connections of a server share.
final class ServerCore: Sendable {
  let settings: ServerSettings
  let router: Router
  private let interceptors: [any ServerInterceptor]
  let fields = WireFields()
  let logger: Logger
  let health: HealthStatus
  /// For each method, whether it is answered even when the server is full.
  private let isAlwaysAdmitted: [Bool]
  /// Methods from this one on belong to the server itself: whoever may connect may call them.
  private let firstBuiltIn: Int
  private let inFlight = Atomic(0)

  init(
    services: [ServiceBinding], builtIn: [ServiceBinding], interceptors: [any ServerInterceptor],
    settings: ServerSettings, health: HealthStatus, logger: Logger
  ) {
    self.settings = settings
    self.interceptors = interceptors
    self.health = health
    self.logger = logger
    router = Router(services + builtIn)
    firstBuiltIn = services.reduce(0) { $0 + $1.handlers.count }
    isAlwaysAdmitted = router.handlers.map { $0.method.service == HealthStatus.serviceName }
  }

  /// Calls whose handlers have not ended.
  var callsInFlight: Int { inFlight.load(ordering: .relaxed) }

  /// Takes a place for a call; false when the server is full.
  func admit(route: Int) -> Bool {
    let before = inFlight.wrappingAdd(1, ordering: .relaxed).oldValue
    if before < settings.inFlightMax || isAlwaysAdmitted[route] { return true }
    release()
    return false
  }

  func interceptors(route: Int) -> [any ServerInterceptor] {
    route < firstBuiltIn ? interceptors : []
  }

  /// Gives a place back, once the handler has really ended.
  func release() {
    inFlight.wrappingSubtract(1, ordering: .relaxed)
  }

  /// The deadline of a call that has named this time, or none.
  func deadline(_ timeout: Duration?, streaming: Bool) -> Deadline {
    if streaming { return .after(min(timeout ?? .seconds(3_600), .seconds(3_600))) }
    return .after(min(timeout ?? settings.defaultDeadline, settings.longestDeadline))
  }

  /// What the caller gets for an error that a handler threw.
  func explain(_ error: any Error, _ method: MethodDescriptor) -> RPCError {
    var told: RPCError
    switch error {
    case let error as RPCError:
      told = error
    case let error as any RPCErrorConvertible:
      told = error.rpcError
    case is CancellationError:
      told = RPCError(.cancelled, "the call was cancelled")
    default:
      logger.error(
        "handler failed",
        metadata: ["method": "\(method.path)", "error": "\(String(reflecting: error))"])
      told = RPCError(.internalError, "internal error")
    }
    if told.code == .ok { told.code = .internalError }
    return told
  }

  var sessionSettings: SessionSettings {
    var session = SessionSettings(role: .server)
    session.streamsMax = settings.streamsMax
    session.headerListBytesMax = settings.headerListBytesMax
    session.headerFieldsMax = settings.headerFieldsMax
    session.headerFieldBytesMax = settings.headerFieldBytesMax
    session.streamWindow = settings.streamWindow
    session.connectionWindow = settings.connectionWindow
    session.outboundFramesMax = settings.outboundFramesMax
    return session
  }
}
