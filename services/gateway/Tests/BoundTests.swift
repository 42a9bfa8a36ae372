import ClientDirectoryAPI
import CommonAPI
import Foundation
import GRPC
import IdentityAPI
import NIOCore
import NIOPosix
import Protobuf
import ServiceKit
import TestKit
import Testing

@testable import GatewayCore

/// Every bound of the gateway's settings: what reaches it passes, one more is refused, and the
/// figures say so.
@Suite(.timeLimit(.minutes(2))) struct BoundTests {
  private let services = ScriptedServices()

  init() {
    services.answer(ClientDirectoryServiceMethods.listClients) { (_: ListClientsRequest, _) in
      ListClientsResponse()
    }
    services.answer(IdentityServiceMethods.signIn) { (_: SignInRequest, _) in SignInResponse() }
  }

  /// How often a bound was reached, as the metrics tell.
  private func reached(_ gateway: Gateway, _ bound: GatewayBound) -> Double? {
    gateway.samples().first { sample in
      sample.name == "gateway_bound_reached_total" && sample.labels.first?.value == bound.rawValue
    }?.value
  }

  /// That no bound was reached but this one, so often.
  private func expect(
    _ gateway: Gateway, _ bound: GatewayBound, _ count: Int,
    _ place: SourceLocation = #_sourceLocation
  ) async {
    // What the client hears may come before what the figures say.
    #expect(
      await eventually { reached(gateway, bound) == Double(count) }, "\(bound)",
      sourceLocation: place)
    for other in GatewayBound.allCases where other != bound {
      #expect(reached(gateway, other) == 0, "\(other)", sourceLocation: place)
    }
  }

  private func reason(_ answer: String) -> String? {
    let text = answer.components(separatedBy: "\r\n\r\n").last ?? ""
    return EdgeResponse(status: 0, body: Array(text.utf8)).reason
  }

  // MARK: Connections

  @Test("connections, of all and of one address")
  func connections() async throws {
    for bound in [GatewayBound.connections, .connectionsPerAddress] {
      try await withLiveGateway(services) {
        if bound == .connections {
          $0.connectionsMax = 2
        } else {
          $0.connectionsPerAddressMax = 2
        }
      } _: { gateway, port in
        let held = try await connect(port)
        #expect(try await exchange(port, get("/")).hasPrefix("HTTP/1.1 200"))
        #expect(await eventually { gateway.watch.count == 1 })
        let second = try await connect(port)
        #expect(await eventually { gateway.watch.count == 2 })
        await expect(gateway, bound, 0)
        #expect(try await exchange(port, get("/")).isEmpty)
        await expect(gateway, bound, 1)
        #expect(held.isActive && second.isActive)
        try await held.close()
        #expect(await eventually { gateway.watch.count == 1 })
        #expect(try await exchange(port, get("/")).hasPrefix("HTTP/1.1 200"))
        try await second.close()
      }
    }
  }

  @Test("a proxy that we know has as many connections as there may be")
  func exempt() async throws {
    try await withLiveGateway(services) {
      $0.connectionsPerAddressMax = 1
      $0.connectionsMax = 3
      $0.trustedProxies = ["127.0.0.0/8"]
    } _: { gateway, port in
      var held: [any Channel] = []
      for _ in 0..<3 { held.append(try await connect(port)) }
      #expect(await eventually { gateway.watch.count == 3 })
      #expect(try await exchange(port, get("/")).isEmpty)
      await expect(gateway, .connections, 1)
      for channel in held { try await channel.close() }
    }
  }

  @Test("connections leave descriptors to the process: a late one waits until there are more")
  func descriptors() async {
    await #expect(processExitsWith: .success) {
      try await withLiveGateway(ScriptedServices()) { gateway, port in
        #expect(try await exchange(port, get("/")).hasPrefix("HTTP/1.1 200"))
        let shortage = DescriptorShortage()
        // More than were free, and than have become free of those that the exchange had.
        var held: [any Channel] = []
        for _ in 0..<8 { held.append(try await connect(port)) }
        #expect(await eventually { gateway.bounds[.descriptors] == 1 })
        let late = Task { try await exchange(port, get("/")) }
        held.append(try await connect(port))
        #expect(gateway.watch.count < held.count)
        shortage.end()
        #expect(try await late.value.hasPrefix("HTTP/1.1 200"))
        for channel in held { try await channel.close() }
      }
    }
  }

  @Test("one address has half of the connections that the limit of open files leaves room for")
  func share() async {
    await #expect(processExitsWith: .success) {
      try await withLiveGateway(ScriptedServices()) { gateway, port in
        let most = DescriptorShortage.limit * 3 / 4 / 2
        let peers = (0...most).map { _ in LoopbackPeer(isAboveLimit: true) }
        DescriptorShortage.lowerLimit()
        for peer in peers.prefix(most) { #expect(peer.connect(port: port)) }
        #expect(await eventually { gateway.watch.count == most })
        #expect(gateway.bounds[.connectionsPerAddress] == 0)
        #expect(peers[most].connect(port: port))
        #expect(await eventually { gateway.bounds[.connectionsPerAddress] == 1 })
        #expect(gateway.watch.count == most)
        #expect(gateway.bounds[.descriptors] == 0)
      }
    }
  }

  // MARK: Headers

  /// What `get` sends: the target and two fields.
  private static let headBytes = "/".utf8.count + "Hostx".utf8.count + "Connectionclose".utf8.count

  private func field(bytes: Int) -> String {
    "X-A: " + String(repeating: "a", count: bytes - 3) + "\r\n"
  }

  @Test("headers: all, one, their number", arguments: [0, 1])
  func headers(excess: Int) async throws {
    let cases: [(GatewayBound, (inout GatewaySettings) -> Void, String)] = [
      (.headerBytes, { $0.headerBytesMax = 200 }, field(bytes: 200 - Self.headBytes + excess)),
      (.headerFieldBytes, { $0.headerFieldBytesMax = 100 }, field(bytes: 100 + excess)),
      (
        .headerFields, { $0.headerFieldsMax = 6 },
        (0..<(4 + excess)).map { "X-\($0): a\r\n" }.joined()
      ),
    ]
    for (bound, change, more) in cases {
      try await withLiveGateway(services, change) { gateway, port in
        let answer = try await exchange(port, get("/", more))
        #expect(answer.hasPrefix(excess == 0 ? "HTTP/1.1 200" : "HTTP/1.1 431"), "\(bound)")
        #expect(reason(answer) == (excess == 0 ? nil : "HEADERS_TOO_LARGE"))
        await expect(gateway, bound, excess)
      }
    }
  }

  @Test("headers of more than twice what is taken are not read to their end", arguments: [0, 1])
  func headerOverflow(excess: Int) async throws {
    let bytes = field(bytes: 400 - Self.headBytes + excess)
    let fields = (0..<(10 + excess)).map { "X-\($0): a\r\n" }.joined()
    for more in [bytes, fields] {
      try await withLiveGateway(services) {
        $0.headerBytesMax = 200
        $0.headerFieldsMax = 6
      } _: { gateway, port in
        let answer = try await exchange(port, get("/", more))
        #expect(answer.hasPrefix(excess == 0 ? "HTTP/1.1 431" : "HTTP/1.1 400"))
        #expect(await eventually { reached(gateway, .headerOverflow) == Double(excess) })
        #expect(try await exchange(port, get("/")).hasPrefix("HTTP/1.1 200"))
      }
    }
  }

  // MARK: Bodies

  private static let post =
    "POST /v1/sessions HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"

  @Test("a body, by its length or in chunks", arguments: [0, 1])
  func body(excess: Int) async throws {
    let json = "{}" + String(repeating: " ", count: 98 + excess)
    let whole = "Content-Length: \(json.utf8.count)\r\n\r\n" + json
    let chunks = ["{}", String(json.dropFirst(2)), ""].map {
      String($0.utf8.count, radix: 16) + "\r\n" + $0 + "\r\n"
    }
    for rest in [whole, "Transfer-Encoding: chunked\r\n\r\n" + chunks.joined()] {
      try await withLiveGateway(services, { $0.bodyBytesMax = 100 }) { gateway, port in
        let answer = try await exchange(port, Self.post + rest)
        #expect(answer.hasPrefix(excess == 0 ? "HTTP/1.1 200" : "HTTP/1.1 413"))
        #expect(reason(answer) == (excess == 0 ? nil : "BODY_TOO_LARGE"))
        await expect(gateway, .bodyBytes, excess)
      }
    }
  }

  @Test("depth, keys and numbers of a body", arguments: [0, 1])
  func json(excess: Int) async throws {
    func nested(_ depth: Int) -> String {
      // The body itself is the first level.
      "{\"x\":" + String(repeating: "[", count: depth - 1)
        + String(repeating: "]", count: depth - 1) + "}"
    }
    let keys = (0..<(JSONBound.keys.max + excess)).map { "\"\($0)\":0" }
    let cases: [(GatewayBound, String)] = [
      (.jsonDepth, nested(JSONBound.depth.max + excess)),
      (.jsonKeys, "{" + keys.joined(separator: ",") + "}"),
      (
        .jsonNumberLength,
        "{\"x\":" + String(repeating: "1", count: JSONBound.numberLength.max + excess) + "}"
      ),
    ]
    for (bound, json) in cases {
      let gateway = try services.gateway()
      let answer = await gateway.respond(to: .sample("POST", "/v1/sessions", json: json))
      // It is JSON, but not what signing in takes.
      #expect(answer.status == 400, "\(bound)")
      #expect(answer.reason == (excess == 0 ? "FIELDS_INVALID" : "BODY_MALFORMED"), "\(bound)")
      await expect(gateway, bound, excess)
    }
  }

  @Test("the time for a body")
  func bodyTime() async throws {
    try await withLiveGateway(services, { $0.bodyTimeout = .milliseconds(500) }) { gateway, port in
      let prompt = try await exchange(port, Self.post + "Content-Length: 2\r\n\r\n{}")
      #expect(prompt.hasPrefix("HTTP/1.1 200"))
      await expect(gateway, .bodyTime, 0)
      let slow = try await exchange(port, Self.post + "Content-Length: 2\r\n\r\n{")
      #expect(slow.hasPrefix("HTTP/1.1 408"))
      #expect(reason(slow) == "BODY_TOO_SLOW")
      await expect(gateway, .bodyTime, 1)
    }
  }

  // MARK: Time

  @Test("headers that begin and do not end close the connection, also byte by byte")
  func headerTime() async throws {
    try await withLiveGateway(services, { $0.headerTimeout = .milliseconds(300) }) {
      gateway, port in
      let silent = try await connect(port)
      let kept = try await connect(port)
      try await kept.writeAndFlush(ByteBuffer(string: "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n"))
      let slow = try await connect(port)
      let began = ContinuousClock.now
      for byte in get("/").utf8 where slow.isActive {
        try? await slow.writeAndFlush(ByteBuffer(bytes: [byte]))
        try await Task.sleep(for: .milliseconds(20))
      }
      try await slow.closeFuture.get()
      #expect(ContinuousClock.now - began >= .milliseconds(300))
      await expect(gateway, .headerTime, 1)
      #expect(silent.isActive && kept.isActive)
      for channel in [silent, kept] { try await channel.close() }
    }
  }

  @Test("a connection without a request, and one whose body does not go on")
  func idleTime() async throws {
    try await withLiveGateway(services, { $0.idleTimeout = .milliseconds(700) }) { gateway, port in
      #expect(try await exchange(port, get("/")).hasPrefix("HTTP/1.1 200"))
      await expect(gateway, .idleTime, 0)
      #expect(try await exchange(port, "").isEmpty)
      await expect(gateway, .idleTime, 1)
      let served = try await exchange(port, "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
      #expect(served.hasPrefix("HTTP/1.1 200"))
      await expect(gateway, .idleTime, 2)
      #expect(try await exchange(port, Self.post + "Content-Length: 2\r\n\r\n{").isEmpty)
      await expect(gateway, .idleTime, 3)
    }
  }

  @Test("a connection that was refused is no idle one later")
  func refusedIsNotIdle() async throws {
    try await withLiveGateway(services) {
      $0.connectionsMax = 1
      $0.idleTimeout = .seconds(1)
    } _: { gateway, port in
      for idle in 1...2 {
        let held = try await connect(port)
        #expect(await eventually { gateway.watch.count == 1 })
        #expect(try await exchange(port, get("/")).isEmpty)
        try await held.closeFuture.get()
        #expect(await eventually { gateway.watch.count == 0 })
        #expect(reached(gateway, .idleTime) == Double(idle))
        #expect(reached(gateway, .connections) == Double(idle))
      }
    }
  }

  @Test("a call that takes longer than its connection may be idle is answered")
  func slowCall() async throws {
    services.answer(ClientDirectoryServiceMethods.listClients) { (_: ListClientsRequest, _) in
      try await Task.sleep(for: .seconds(1))
      return ListClientsResponse(nextPageToken: "more")
    }
    try await withLiveGateway(services) {
      $0.idleTimeout = .milliseconds(500)
      $0.headerTimeout = .milliseconds(500)
      $0.deadline = .seconds(30)
    } _: { _, port in
      let call = get(Sample.clients, "Authorization: Bearer \(Sample.token)\r\n")
      let answer = try await exchange(port, call)
      #expect(answer.contains("more"))
    }
  }

  @Test("an answer that its client does not take")
  func writeIdleTime() async throws {
    let large = String(repeating: "a", count: 3 << 20)
    services.answer(ClientDirectoryServiceMethods.listClients) { (_: ListClientsRequest, _) in
      ListClientsResponse(nextPageToken: large)
    }
    try await withLiveGateway(services) {
      $0.writeIdleTimeout = .milliseconds(500)
      $0.deadline = .seconds(30)
    } _: { gateway, port in
      let call = get(Sample.clients, "Authorization: Bearer \(Sample.token)\r\n")
      #expect(try await exchange(port, call).utf8.count > large.utf8.count)
      await expect(gateway, .writeIdleTime, 0)
      let client = try await connect(port, receiveBytes: 4_096)
      try await client.writeAndFlush(ByteBuffer(string: call))
      await expect(gateway, .writeIdleTime, 1)
      #expect(await eventually { gateway.watch.count == 0 })
      try? await client.close()
    }
  }

  @Test("the time for a call")
  func deadline() async throws {
    let (gate, open) = AsyncStream<Void>.makeStream()
    services.answer(ClientDirectoryServiceMethods.getClient) { (_: GetClientRequest, _) in
      for await _ in gate { break }
      return Client()
    }
    var settings = GatewaySettings()
    settings.deadline = .milliseconds(500)
    let gateway = try services.gateway(settings)
    let prompt = EdgeRequest.sample("GET", Sample.clients, bearer: Sample.token)
    #expect(await gateway.respond(to: prompt).status == 200)
    await expect(gateway, .deadline, 0)
    let slow = EdgeRequest.sample(
      "GET", "\(Sample.clients)/\(Sample.client)", bearer: Sample.token)
    #expect(await gateway.respond(to: slow).status == 504)
    await expect(gateway, .deadline, 1)
    open.finish()
  }

  // MARK: Rates

  @Test("calls of an address, of a session, and without a session")
  func rates() async throws {
    let rate = Rate(perSecond: 0.001, burst: 3)
    let cases: [(GatewayBound, (inout GatewaySettings) -> Void, EdgeRequest)] = [
      (.addressRate, { $0.addressRate = rate }, .sample("GET", "/")),
      (
        .sessionRate, { $0.sessionRate = rate },
        .sample("GET", Sample.clients, bearer: Sample.token)
      ),
      (.publicRate, { $0.publicRate = rate }, .sample("POST", "/v1/sessions", json: "{}")),
    ]
    for (bound, change, request) in cases {
      var settings = GatewaySettings()
      change(&settings)
      let gateway = try services.gateway(settings, now: TestClock().now)
      for _ in 0..<3 { #expect(await gateway.respond(to: request).status == 200) }
      await expect(gateway, bound, 0)
      let refused = await gateway.respond(to: request)
      #expect(refused.status == 429 && refused.reason == "RATE_LIMITED")
      await expect(gateway, bound, 1)
    }
  }

  // MARK: Figures

  @Test("every bound has a figure, and the connections that are open")
  func figures() async throws {
    try await withLiveGateway(services) { gateway, port in
      let names = gateway.samples().filter { $0.name == "gateway_bound_reached_total" }
        .compactMap(\.labels.first?.value)
      #expect(names == GatewayBound.allCases.map(\.rawValue))
      let held = try await connect(port)
      #expect(
        await eventually {
          gateway.samples().first { $0.name == "gateway_connections" }?.value == 1
        })
      try await held.close()
    }
  }
}
