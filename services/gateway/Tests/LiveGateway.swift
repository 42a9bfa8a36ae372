import Logging
import NIOCore
import NIOPosix
import Testing

@testable import GatewayCore

/// The gateway behind a real socket, for as long as the body runs.
func withLiveGateway(
  _ services: ScriptedServices, _ change: (inout GatewaySettings) -> Void = { _ in },
  _ body: (Gateway, Int) async throws -> Void
) async throws {
  var settings = GatewaySettings()
  change(&settings)
  settings.port = 0
  let gateway = try services.gateway(settings)
  var logger = Logger(label: "test")
  logger.logLevel = .critical
  let (ports, port) = AsyncStream<Int>.makeStream()
  let server = GatewayServer(gateway, logger: logger) { port.yield($0) }
  try await withThrowingTaskGroup(of: Void.self) { group in
    group.addTask { try await server.run() }
    for await number in ports {
      try await body(gateway, number)
      break
    }
    group.cancelAll()
  }
}

/// A connection on which a test says what it wants, and hears nothing.
func connect(_ port: Int, receiveBytes: Int? = nil) async throws -> any Channel {
  var bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
  if let receiveBytes {
    bootstrap =
      bootstrap
      .channelOption(.socketOption(.so_rcvbuf), value: .init(receiveBytes))
      .channelOption(.autoRead, value: false)
  }
  return try await bootstrap.connect(host: "127.0.0.1", port: port).get()
}

/// Sends bytes and reads until the server closes or `isEnough` holds.
func exchange(
  _ port: Int, _ text: String, until isEnough: (String) -> Bool = { _ in false }
) async throws -> String {
  let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
    .connect(host: "127.0.0.1", port: port) { channel in
      channel.eventLoop.makeCompletedFuture {
        try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
      }
    }
  return try await channel.executeThenClose { inbound, outbound in
    var answer = ""
    do {
      try await outbound.write(ByteBuffer(string: text))
      for try await chunk in inbound {
        answer += String(buffer: chunk)
        if isEnough(answer) { break }
      }
    } catch {
      // Reset by the server, before or after its answer.
    }
    return answer
  }
}

/// A request without a body, the last of its connection.
func get(_ path: String, _ headers: String = "") -> String {
  "GET \(path) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\(headers)\r\n"
}

/// Waits until something holds; false when it does not in time.
func eventually(_ condition: () -> Bool) async -> Bool {
  let end = ContinuousClock.now.advanced(by: .seconds(20))
  while !condition() {
    guard ContinuousClock.now < end else { return false }
    try? await Task.sleep(for: .milliseconds(5))
  }
  return true
}
