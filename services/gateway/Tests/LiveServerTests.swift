import ClientDirectoryAPI
import CommonAPI
import Foundation
import GRPC
import Logging
import NIOCore
import NIOPosix
import Protobuf
import ServiceLifecycle
import Synchronization
import Testing

@testable import GatewayCore

/// The gateway behind a real socket.
@Suite(.timeLimit(.minutes(1))) struct LiveServerTests {
  private let services = ScriptedServices()

  private func served(_ body: (Int) async throws -> Void) async throws {
    try await withLiveGateway(services) { try await body($1) }
  }

  @Test func answersOverTheWire() async throws {
    services.answer(ClientDirectoryServiceMethods.listClients) { (_: ListClientsRequest, _) in
      ListClientsResponse(nextPageToken: "more")
    }
    try await served { port in
      let answer = try await exchange(
        port,
        get("\(Sample.clients)?pageSize=3", "Authorization: Bearer \(Sample.token)\r\n"))
      #expect(answer.hasPrefix("HTTP/1.1 200"))
      #expect(answer.contains("{\"nextPageToken\":\"more\"}\n"))
      #expect(answer.lowercased().contains("x-request-id: "))
    }
  }

  @Test func keepsAConnectionForTheNextCall() async throws {
    try await served { port in
      let one = "GET /openapi.json HTTP/1.1\r\nHost: x\r\nIf-None-Match: x\r\n\r\n"
      let answer = try await exchange(
        port, "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n" + one + get("/nothing"))
      #expect(answer.components(separatedBy: "HTTP/1.1 ").count == 4)
      #expect(answer.contains("ROUTE_NOT_FOUND"))
    }
  }

  @Test("a server that stops while it accepts connections ends, and nothing else does")
  func stopsWhileAccepting() async throws {
    for _ in 0..<40 {
      try await withThrowingTaskGroup(of: Void.self) { group in
        try await withLiveGateway(services) { _, port in
          for _ in 0..<8 {
            // Refused or cut off from the moment it stops; that it goes on is what is looked at.
            group.addTask { _ = try? await exchange(port, get("/openapi.json")) }
          }
          _ = try await exchange(port, get("/nothing"))
        }
        try await group.waitForAll()
      }
    }
  }

  @Test func aBodyOverTheLimitEndsTheConnection() async throws {
    try await withLiveGateway(services, { $0.bodyBytesMax = 100 }) { _, port in
      let head =
        "POST /v1/sessions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
      let declared = try await exchange(port, head + "Content-Length: 4294967296\r\n\r\n{")
      #expect(declared.hasPrefix("HTTP/1.1 413"))
      #expect(declared.lowercased().contains("connection: close"))
      let chunk = "40\r\n" + String(repeating: " ", count: 64) + "\r\n"
      let chunked = try await exchange(
        port, head + "Transfer-Encoding: chunked\r\n\r\n" + chunk + chunk)
      #expect(chunked.hasPrefix("HTTP/1.1 413"))
    }
  }

  @Test func hostileHeadsAreRefused() async throws {
    try await served { port in
      for hostile in [
        get("/", "X: " + String(repeating: "a", count: 40_000) + "\r\n"),
        get("/", (0..<200).map { "X-\($0): a\r\n" }.joined()),
        "GET / HTTP/1.1\r\nHost x\r\n\r\n", "\u{0}\u{1}\u{2}\r\n\r\n",
      ] {
        let answer = try await exchange(port, hostile)
        #expect(answer.hasPrefix("HTTP/1.1 4") || answer.isEmpty)
      }
      #expect(try await exchange(port, get("/")).hasPrefix("HTTP/1.1 200"))
    }
  }

  @Test func aClientThatLeavesCancelsItsCall() async throws {
    let (events, event) = AsyncStream<String>.makeStream()
    services.answer(ClientDirectoryServiceMethods.listClients) { (_: ListClientsRequest, _) in
      event.yield("begun")
      do {
        try await Task.sleep(for: .seconds(4))
      } catch {
        event.yield("cancelled")
        throw error
      }
      event.yield("ended")
      return ListClientsResponse()
    }
    try await served { port in
      let address = try SocketAddress(ipAddress: "127.0.0.1", port: port)
      let client = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .connect(to: address).get()
      let call = get(Sample.clients, "Authorization: Bearer \(Sample.token)\r\n")
      try await client.writeAndFlush(ByteBuffer(string: call))
      var iterator = events.makeAsyncIterator()
      #expect(await iterator.next() == "begun")
      try await client.close()
      #expect(await iterator.next() == "cancelled")
    }
  }

  @Test func aStopAnswersWhatWasBegun() async throws {
    let (begun, begin) = AsyncStream<Void>.makeStream()
    services.answer(ClientDirectoryServiceMethods.listClients) { (_: ListClientsRequest, _) in
      begin.yield()
      try await Task.sleep(for: .milliseconds(200))
      return ListClientsResponse(nextPageToken: "more")
    }
    var settings = GatewaySettings()
    settings.port = 0
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    let (ports, port) = AsyncStream<Int>.makeStream()
    let server = GatewayServer(try services.gateway(settings), logger: logger) { port.yield($0) }
    let group = ServiceGroup(
      configuration: .init(services: [.init(service: server)], logger: logger))
    try await withThrowingTaskGroup(of: Void.self) { tasks in
      tasks.addTask { try await group.run() }
      var numbers = ports.makeAsyncIterator()
      let number = try #require(await numbers.next())
      // Without "Connection: close": the server ends it by itself.
      let call =
        "GET \(Sample.clients) HTTP/1.1\r\nHost: x\r\n"
        + "Authorization: Bearer \(Sample.token)\r\n\r\n"
      async let answer = exchange(number, call)
      for await _ in begun { break }
      await group.triggerGracefulShutdown()
      #expect(try await answer.contains("more"))
      try await tasks.waitForAll()
    }
  }
}
