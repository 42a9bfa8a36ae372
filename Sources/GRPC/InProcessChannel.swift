public import Logging
import Protobuf

/// Calls services without a socket: for tests. Requests and answers are encoded and decoded as on
/// the wire, errors lose what the wire would lose, interceptors and deadlines do their work. Nothing
/// is compressed, but both sides are told that it was when the other asked for it.
public struct InProcessChannel: RPCChannel {
  let core: ServerCore
  private let peer: Peer

  /// - Parameters:
  ///   - peer: who the services see as their caller.
  public init(
    services: [ServiceBinding], interceptors: [any ServerInterceptor] = [],
    peer: Peer = .inProcess, settings: ServerSettings = ServerSettings(),
    logger: Logger = Logger(label: "grpc.in-process")
  ) {
    let health = HealthStatus(services: services.map(\.descriptor.fullName))
    health.setServing(true)
    core = ServerCore(
      services: services,
      builtIn: BuiltInServices.bindings(settings, services: services, health: health),
      interceptors: interceptors, settings: settings, health: health, logger: logger)
    self.peer = peer
  }

  /// See `RPCChannel`.
  public func unary(
    path: String, request: [UInt8], options: CallOptions
  ) async throws -> RPCResponse {
    let core = core
    let route = try route(path)
    guard case .unary(let unary) = core.router.handlers[route].kind else {
      throw RPCError(.unimplemented, "\(path) is a call with streams")
    }
    guard request.count <= core.settings.requestBytesMax else {
      throw RPCError(.resourceExhausted, "the request is too large")
    }
    guard core.admit(route: route) else {
      throw RPCError(.resourceExhausted, reason: "OVERLOADED", "server is full")
    }
    let call = context(route, options, streaming: false)
    if options.compression != .identity { call.noteCompressedRequest() }
    let pending = UnaryInProcess(call, route: route, core: core)
    let work: Task<Void, Never>
    do {
      let answering = try request.withUnsafeBytes { try unary($0, pending) }
      work = Task.immediate { await answering() }
    } catch {
      core.release()
      throw Self.told(core.explain(error, call.method))
    }
    let answer = try await Self.wait(for: pending.result, until: call.deadline, of: work)
    let said = call.said
    return RPCResponse(
      message: answer, headers: said.headers, trailers: said.trailers,
      wasCompressed: said.compression != .identity)
  }

  func route(_ path: String) throws -> Int {
    let bytes = Array(path.utf8)
    guard let route = bytes.withUnsafeBytes({ core.router.route($0) }) else {
      throw RPCError(.unimplemented, "there is no method \(path)")
    }
    return route
  }

  func context(_ route: Int, _ options: CallOptions, streaming: Bool) -> CallContext {
    let isTimed = options.timeout != nil || options.deadline != nil
    let asked = isTimed ? options.deadline(orAfter: .zero).remaining : nil
    let deadline = core.deadline(asked, from: ServerConnection.now, streaming: streaming)
    return CallContext(
      method: core.router.handlers[route].method, metadata: options.metadata, deadline: deadline,
      peer: peer)
  }

  private static func wait(
    for result: OneShot<[UInt8]>, until deadline: Deadline, of work: Task<Void, Never>
  ) async throws -> [UInt8] {
    let timer = Task {
      try await Task.sleep(for: deadline.remaining)
      result.give(.failure(RPCError(.deadlineExceeded, "the deadline has passed")))
      work.cancel()
    }
    defer { timer.cancel() }
    return try await withTaskCancellationHandler {
      try await result.take()
    } onCancel: {
      result.give(.failure(RPCError(.cancelled, "the caller gave up")))
      work.cancel()
    }
  }

  /// The error as it would come off the wire.
  static func told(_ error: RPCError) -> RPCError {
    RPCError(
      error.code, error.message,
      details: error.details.isEmpty
        ? [] : StatusDetails.details(ofStatus: StatusDetails.status(of: error)))
  }
}

/// A unary call inside the process.
private final class UnaryInProcess: UnaryCall {
  let context: CallContext
  let interceptors: [any ServerInterceptor]
  let result = OneShot<[UInt8]>()
  private let core: ServerCore

  init(_ context: CallContext, route: Int, core: ServerCore) {
    self.context = context
    self.core = core
    interceptors = core.interceptors(route: route)
  }

  var decoding: DecodingLimits { core.settings.decoding }

  func unreadable(_ error: DecodeError) -> RPCError { core.unreadable(error) }

  func ended(_ answer: Result<[UInt8], any Error>) {
    result.give(answer.mapError { InProcessChannel.told(core.explain($0, context.method)) })
    core.release()
  }
}
