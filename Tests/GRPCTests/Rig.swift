import BenchAPI
import Logging
import NIOCore
import Synchronization
import TestKit
import Testing

@testable import GRPC

#if canImport(Glibc)
  import Glibc
#endif

/// A service that answers by a closure.
func echo(
  _ body: @escaping @Sendable (EchoRequest, CallContext) async throws -> EchoResponse = {
    request, _ in EchoResponse(payload: request.payload, n: request.n)
  }
) -> ServiceBinding {
  ServiceBinding(EchoMethods.service, [.unary(EchoMethods.unary, body)])
}

extension ServerSettings {
  /// A busy machine fails no test that is not of time.
  static var patient: ServerSettings {
    var settings = ServerSettings()
    settings.prefaceTimeout = .seconds(20).patient
    settings.handshakeTimeout = .seconds(20).patient
    return settings
  }
}

/// Starts a server where another listened a moment ago. A process that this one starts shares its
/// sockets until it has become another program, and so the port.
func start(_ server: RPCServer, atFormer port: Int) async throws {
  let end = ContinuousClock.now + .seconds(20).patient
  while true {
    do {
      _ = try await server.start(port: port)
      return
    } catch let error as IOError where error.errnoCode == EADDRINUSE && .now < end {
      try await Task.sleep(for: .milliseconds(5))
    }
  }
}

/// A server on loopback and a channel to it; both are gone afterwards, and nothing is left open.
func withServer<Result>(
  _ services: [ServiceBinding], interceptors: [any ServerInterceptor] = [],
  settings: ServerSettings = ServerSettings(),
  _ body: (RPCServer, ClientChannel, Int) async throws -> Result
) async throws -> Result {
  var settings = settings
  if settings.prefaceTimeout == ServerSettings().prefaceTimeout {
    settings.prefaceTimeout = ServerSettings.patient.prefaceTimeout
  }
  let server = RPCServer(
    services: services, interceptors: interceptors, settings: settings,
    logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
  let port = try await server.start(port: 0)
  server.health.setServing(true)
  // Patient, so that a busy machine fails no test; a test of time names its own.
  var channelSettings = ChannelSettings()
  channelSettings.defaultDeadline = .seconds(20).patient
  channelSettings.connectTimeout = .seconds(10).patient
  let channel = try ClientChannel(host: "127.0.0.1", port: port, settings: channelSettings)
  do {
    let result = try await body(server, channel, port)
    await channel.close()
    await server.shutdownGracefully(grace: .seconds(5))
    return result
  } catch {
    await channel.close(grace: .zero)
    await server.shutdownGracefully(grace: .zero)
    throw error
  }
}

/// The same body over a socket and inside the process.
enum Depth: CaseIterable, CustomTestStringConvertible {
  case inProcess, wire

  var testDescription: String { self == .wire ? "HTTP/2" : "in process" }
}

func withEcho<Result>(
  at depth: Depth, _ services: [ServiceBinding], interceptors: [any ServerInterceptor] = [],
  settings: ServerSettings = ServerSettings(),
  _ body: (EchoClient, any RPCChannel) async throws -> Result
) async throws -> Result {
  switch depth {
  case .inProcess:
    let channel = InProcessChannel(
      services: services, interceptors: interceptors, settings: settings,
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    return try await body(EchoClient(channel), channel)
  case .wire:
    return try await withServer(services, interceptors: interceptors, settings: settings) {
      _, channel, _ in
      try await body(EchoClient(channel), channel)
    }
  }
}

/// Waits for a condition; false when it did not come true in time.
func eventually(
  within limit: Duration = .seconds(20), _ condition: () async throws -> Bool
) async rethrows -> Bool {
  let end = ContinuousClock.now + limit.patient
  while ContinuousClock.now < end {
    if try await condition() { return true }
    try? await Task.sleep(for: .milliseconds(2))
  }
  return try await condition()
}

/// The error a call ends with; nil when it ends well.
func refusal<Result>(_ body: () async throws -> Result) async -> RPCError? {
  do {
    _ = try await body()
    return nil
  } catch {
    return error as? RPCError ?? RPCError(.unknown, "not an RPCError: \(error)")
  }
}

/// Handlers wait here until the test lets them go, or their call is cancelled.
final class Gate: Sendable {
  private struct State {
    var isOpen = false
    var waiting: [OneShot<Void>] = []
    var arrived = 0
    var cancelled = 0
    var inside = 0
    var mostInside = 0
  }

  private let state = Mutex(State())

  var arrived: Int { state.withLock { $0.arrived } }
  var cancelled: Int { state.withLock { $0.cancelled } }
  var mostInside: Int { state.withLock { $0.mostInside } }

  func pass() async throws {
    let turn = OneShot<Void>()
    let isOpen = state.withLock { state in
      state.arrived += 1
      state.inside += 1
      state.mostInside = max(state.mostInside, state.inside)
      if !state.isOpen { state.waiting.append(turn) }
      return state.isOpen
    }
    defer { state.withLock { $0.inside -= 1 } }
    if isOpen { return await Task.yield() }
    try await withTaskCancellationHandler {
      try await turn.take()
    } onCancel: {
      if turn.give(.failure(CancellationError())) { state.withLock { $0.cancelled += 1 } }
    }
  }

  func open() {
    let waiting = state.withLock { state in
      defer { state.waiting = [] }
      state.isOpen = true
      return state.waiting
    }
    for turn in waiting { turn.give(.success(())) }
  }
}

/// Calls that a server answered with this code.
func handled(_ server: RPCServer, _ code: String) -> Double {
  server.metrics.samples().filter {
    $0.name == "grpc_server_handled_total" && $0.labels.contains { $0.value == code }
  }.reduce(0) { $0 + $1.value }
}

/// How often a server's bound was reached, as its metrics tell; -1 when they do not name it.
func count(_ server: RPCServer, _ bound: ServerBound) -> Double {
  server.metrics.samples().first {
    $0.name == "grpc_server_bound_reached_total" && $0.labels.first?.value == bound.rawValue
  }?.value ?? -1
}
