import BenchAPI
import CommonAPI
import Dispatch
import NIOCore
import Protobuf
import Synchronization
import Testing

@testable import GRPC

/// One channel, several servers.
@Suite struct SeveralServersTests {
  /// Servers that answer with their place in the list.
  private func withServers(
    _ count: Int, more: [ServiceBinding] = [], settings: ServerSettings = ServerSettings(),
    _ body: (Servers, [Int]) async throws -> Void
  ) async throws {
    var servers: [RPCServer] = []
    var ports: [Int] = []
    for index in 0..<count {
      let server = RPCServer(
        services: [echo { _, _ in EchoResponse(n: Int32(index)) }] + more, settings: settings)
      ports.append(try await server.start(port: 0))
      server.health.setServing(true)
      servers.append(server)
    }
    let all = Servers(servers)
    try await body(all, ports)
    for index in servers.indices { await all.stop(index) }
  }

  /// Servers of which each is stopped once.
  private final class Servers: Sendable {
    let all: [RPCServer]
    private let stopped = Mutex<Set<Int>>([])

    init(_ all: [RPCServer]) { self.all = all }

    func stop(_ index: Int) async {
      guard stopped.withLock({ $0.insert(index).inserted }) else { return }
      await all[index].shutdownGracefully(grace: .seconds(2))
    }
  }

  private func withChannel(
    to ports: [Int], _ policy: BalancingPolicy,
    _ change: (inout ChannelSettings) -> Void = { _ in },
    _ body: (EchoClient, ClientChannel) async throws -> Void
  ) async throws {
    var settings = ChannelSettings()
    settings.defaultDeadline = .seconds(20)
    settings.connectTimeout = .seconds(10)
    change(&settings)
    let channel = try ClientChannel(
      targets: ports.map { "ipv4:127.0.0.1:\($0)" }, policy: policy, settings: settings)
    try await body(EchoClient(channel), channel)
    await channel.close()
  }

  private func ask(_ client: EchoClient, times: Int = 1) async throws -> [Int: Int] {
    var answers: [Int: Int] = [:]
    for _ in 0..<times {
      answers[Int(try await client.unary(EchoRequest()).n), default: 0] += 1
    }
    return answers
  }

  private func check(_ client: EchoClient, _ times: Int, _ expected: [Int: Int]) async throws {
    let answers = try await ask(client, times: times)
    #expect(answers == expected)
  }

  private func settle(_ client: EchoClient, _ times: Int, _ expected: [Int: Int]) async throws {
    let isSettled = try await eventually { try await ask(client, times: times) == expected }
    #expect(isSettled, "\(expected)")
  }

  @Test("round-robin gives every server the same, and passes over one that is gone")
  func roundRobin() async throws {
    try await withServers(3) { servers, ports in
      try await withChannel(to: ports, .roundRobin) { client, _ in
        try await settle(client, 3, [0: 1, 1: 1, 2: 1])
        try await check(client, 30, [0: 10, 1: 10, 2: 10])
        await servers.stop(1)
        let left = try await ask(client, times: 30)
        #expect(left[1] == nil)
      }
    }
  }

  @Test("pick-first keeps to the first that answers, and goes to the next when that is gone")
  func pickFirst() async throws {
    try await withServers(2) { servers, ports in
      let nobody = try await RawServer.start(answer: { _ in [] })
      let closed = nobody.port
      await nobody.stop()
      try await withChannel(to: [closed] + ports, .pickFirst) { client, _ in
        try await check(client, 20, [0: 20])
        #expect(servers.all[1].connectionCount == 0)
        await servers.stop(0)
        try await check(client, 20, [1: 20])
      }
    }
  }

  @Test("a server that takes long is not waited for when there is another")
  func slowFirst() async throws {
    // Says nothing, so that no connection to it is ever ready.
    let silent = try await RawServer.start(greeting: [], answer: { _ in [] })
    try await withServers(1) { _, ports in
      try await withChannel(to: [silent.port] + ports, .pickFirst) { client, _ in
        let start = ContinuousClock.now
        try await check(client, 1, [0: 1])
        #expect(ContinuousClock.now - start < .seconds(8))
      }
    }
    await silent.stop()
  }

  @Test(
    "servers restart one after the other under load, and no call fails",
    arguments: [
      BalancingPolicy.roundRobin, .pickFirst,
    ])
  func rolling(policy: BalancingPolicy) async throws {
    let services = [
      echo { request, _ in
        // Some answers take a while, so that a drain has something to wait for.
        if request.n % 7 == 0 { try await Task.sleep(for: .milliseconds(20)) }
        return EchoResponse(n: request.n)
      }
    ]
    var servers: [RPCServer] = []
    var ports: [Int] = []
    for _ in 0..<2 {
      servers.append(RPCServer(services: services))
      ports.append(try await servers[servers.count - 1].start(port: 0))
    }
    try await withChannel(to: ports, policy) { client, channel in
      let end = ThreadGate()
      let done = Tally()
      let load = Task {
        try await withThrowingTaskGroup(of: Int.self) { group in
          for worker in 0..<8 {
            group.addTask {
              var calls = 0
              while !end.isOpen {
                let n = Int32(worker * 1_000 + calls % 1_000)
                let answer = try await client.unary(EchoRequest(n: n))
                #expect(answer.n == n)
                calls += 1
                done.value.wrappingAdd(1, ordering: .relaxed)
              }
              return calls
            }
          }
          return try await group.reduce(0, +)
        }
      }
      for index in [0, 1, 0, 1] {
        let soon = done.value.load(ordering: .relaxed) + 60
        #expect(await eventually { done.value.load(ordering: .relaxed) >= soon })
        await servers[index].shutdownGracefully()
        servers[index] = RPCServer(services: services)
        try await start(servers[index], atFormer: ports[index])
        let next = servers[index]
        if policy == .roundRobin {
          #expect(await eventually { next.connectionCount == 1 })
        }
      }
      end.open()
      #expect(try await load.value >= 240)
      let samples = channel.metrics.samples()
      let handled = samples.filter { $0.name == "grpc_client_handled_total" }
      let ok = handled.first { $0.labels.contains { $0.value == "OK" } }?.value
      #expect(ok == samples.first { $0.name == "grpc_client_started_total" }?.value)
    }
    for server in servers { await server.shutdownGracefully() }
  }

  @Test("a name is looked up again when its address fails")
  func names() async throws {
    try await withServers(2) { servers, ports in
      let meaning = Mutex([ports[0]])
      let asked = Atomic(0)
      var settings = ChannelSettings()
      settings.defaultDeadline = .seconds(20)
      settings.lookUpInterval = .milliseconds(20)
      let channel = try ClientChannel(
        ChannelTarget.parse("dns:///service.example:80"), policy: .roundRobin, tls: nil,
        expectedPeer: nil, settings: settings, eventLoopGroup: nil
      ) { host, port in
        asked.wrappingAdd(1, ordering: .relaxed)
        guard host == "service.example", port == 80 else {
          throw RPCError(.notFound, "no such name")
        }
        return try meaning.withLock {
          try $0.map { try SocketAddress(ipAddress: "127.0.0.1", port: $0) }
        }
      }
      try await check(EchoClient(channel), 1, [0: 1])
      #expect(asked.load(ordering: .relaxed) == 1)
      meaning.withLock { $0 = [ports[1]] }
      await servers.stop(0)
      try await check(EchoClient(channel), 1, [1: 1])
      await channel.close()
    }
  }

  @Test("a name nobody knows, and a look-up that hangs, end calls in time")
  func unknownName() async throws {
    for hangs in [false, true] {
      var settings = ChannelSettings()
      settings.lookUpTimeout = hangs ? .milliseconds(50) : .seconds(20)
      let release = ThreadGate()
      let channel = try ClientChannel(
        [ChannelTarget(host: "nobody.example", port: 80)], policy: .pickFirst, tls: nil,
        expectedPeer: nil, settings: settings, eventLoopGroup: nil
      ) { _, _ in
        if hangs { release.wait() }
        throw RPCError(.notFound, "no such name")
      }
      let error = await refusal {
        try await channel.unary(
          path: EchoMethods.unary.path, request: [],
          options: CallOptions(timeout: .seconds(10), waitsForReady: false))
      }
      #expect(error?.code == .unavailable)
      let late = channel.metrics.samples().first { sample in
        sample.labels.contains { $0.value == "look_up_time" }
      }
      #expect(hangs ? late?.value ?? 0 >= 1 : late?.value == 0)
      release.open()
      await channel.close(grace: .zero)
    }
  }

  @Test("a call that does not wait fails once every server was tried; one that waits, later")
  func failFast() async throws {
    let gone = try await RawServer.start(answer: { _ in [] })
    let port = gone.port
    await gone.stop()
    try await withChannel(to: [port], .pickFirst) { client, channel in
      let began = ContinuousClock.now
      let fast = await refusal {
        try await client.unary(EchoRequest(), options: CallOptions(waitsForReady: false))
      }
      #expect(fast?.code == .unavailable)
      #expect(ContinuousClock.now - began < .seconds(15))
      let patient = await refusal {
        try await client.unary(EchoRequest(), options: CallOptions(timeout: .milliseconds(200)))
      }
      #expect(patient?.code == .deadlineExceeded && patient?.reason == "NO_CONNECTION")
      #expect(patient?.message.contains("\(port)") == true)
      let waiting = Task { try await client.unary(EchoRequest()) }
      let server = RPCServer(services: [echo()])
      try await start(server, atFormer: port)
      _ = try await waiting.value
      await server.shutdownGracefully()
    }
  }

  @Test("calls go to servers that say SERVING, and to all that do not know the question")
  func health() async throws {
    let statuses = Mutex<[Int: Bool]>([0: true, 1: true])
    var servers: [RPCServer] = []
    var ports: [Int] = []
    for index in 0..<3 {
      var settings = ServerSettings()
      settings.servesHealth = false
      let watch = ServiceBinding(
        HealthMethods.service,
        [
          .stream(HealthMethods.watch) { _, answers, _ in
            var told: Bool?
            while true {
              let isServing = statuses.withLock { $0[index] } ?? false
              if told != isServing {
                told = isServing
                try await answers.write(
                  HealthCheckResponse(status: isServing ? .serving : .notServing).serialized())
              }
              try await Task.sleep(for: .milliseconds(5))
            }
          }
        ])
      let service = echo { _, _ in EchoResponse(n: Int32(index)) }
      servers.append(
        RPCServer(services: index == 2 ? [service] : [service, watch], settings: settings))
      ports.append(try await servers[index].start(port: 0))
    }
    try await withChannel(to: ports, .roundRobin) {
      $0.healthService = ""
    } _: { client, _ in
      try await settle(client, 3, [0: 1, 1: 1, 2: 1])
      statuses.withLock { $0[0] = false }
      try await settle(client, 6, [1: 3, 2: 3])
      statuses.withLock { $0[0] = true }
      try await settle(client, 3, [0: 1, 1: 1, 2: 1])
    }
    for server in servers { await server.shutdownGracefully(grace: .zero) }
  }

  @Test("connections that no call needs are closed, and made again for the next")
  func idle() async throws {
    try await withServers(2) { servers, ports in
      try await withChannel(to: ports, .roundRobin) {
        $0.idleTimeout = .milliseconds(100)
      } _: { client, _ in
        _ = try await ask(client)
        #expect(
          await eventually { servers.all.allSatisfy { $0.connectionCount == 0 } })
        _ = try await ask(client)
      }
    }
  }

  @Test("targets as they may be written, and as they may not")
  func targets() throws {
    #expect(try ChannelTarget.parse("a.example:80") == [ChannelTarget(host: "a.example", port: 80)])
    #expect(try ChannelTarget.parse("dns:///a:1") == [ChannelTarget(host: "a", port: 1)])
    #expect(try ChannelTarget.parse("dns:a:1") == [ChannelTarget(host: "a", port: 1)])
    #expect(try ChannelTarget.parse("[::1]:9").first?.address != nil)
    let two = try ChannelTarget.parse("ipv4:10.0.0.1:1,10.0.0.2:65535")
    #expect(two.map(\.port) == [1, 65_535] && two.allSatisfy { $0.address != nil })
    #expect(try ChannelTarget.parse("ipv6:[::1]:5").first?.authority == "[::1]:5")
    for wrong in [
      "", "a", "a:", ":1", "a:0", "a:65536", "a:-1", "::1:80", "[]:1", "ipv4:a:1", "ipv4:[::1]:1",
      "ipv6:10.0.0.1:1", "ipv4:10.0.0.1:1,", "dns://8.8.8.8/a:1", "unix:/run/x", "a b:1",
    ] {
      #expect(throws: RPCError.self, "\(wrong)") { try ChannelTarget.parse(wrong) }
    }
    #expect(throws: RPCError.self) { try ClientChannel(targets: []) }
  }
}

private final class Tally: Sendable {
  let value = Atomic(0)
}

/// Something that happens once; a thread can be made to wait for it.
private final class ThreadGate: Sendable {
  private let flag = Atomic(false)
  private let semaphore = DispatchSemaphore(value: 0)

  var isOpen: Bool { flag.load(ordering: .acquiring) }

  func open() {
    flag.store(true, ordering: .releasing)
    semaphore.signal()
  }

  func wait() { semaphore.wait() }
}
