import BenchAPI
import Foundation
import GRPC
import Protobuf
import Synchronization
import Testing

@testable import LoadTest

@Suite struct RunTests {
  private func withServer<Result>(
    _ body: @escaping @Sendable (EchoRequest, CallContext) async throws -> EchoResponse = {
      request, _ in EchoResponse(payload: request.payload, n: request.n)
    }, run: (Int) async throws -> Result
  ) async throws -> Result {
    let server = RPCServer(
      services: [ServiceBinding(EchoMethods.service, [.unary(EchoMethods.unary, body)])],
      settings: .unhurried)
    let port = try await server.start(port: 0)
    do {
      let result = try await run(port)
      await server.shutdownGracefully(grace: .seconds(1))
      return result
    } catch {
      await server.shutdownGracefully(grace: .zero)
      throw error
    }
  }

  private func scenario(
    _ port: Int, load: JSONValue, calls: JSONValue = [["method": "bench.v1.Echo/Unary"]],
    also: [String: JSONValue] = [:]
  ) throws -> Scenario {
    var object: JSONObject = [
      "targets": ["echo": ["address": .string("127.0.0.1:\(port)"), "plaintext": true]],
      "calls": calls, "load": load,
    ]
    for (key, value) in also { object[key] = value }
    return try ScenarioReader.read(.object(object), name: "test")
  }

  @Test("every arrival is made and counted, by call and by code")
  func counts() async throws {
    let result = try await withServer { request, _ in
      if request.n == 3 { throw RPCError(.notFound, "no three") }
      return EchoResponse(payload: request.payload, n: request.n)
    } run: { port in
      let calls: JSONValue = [
        ["name": "ones", "method": "bench.v1.Echo/Unary", "request": ["n": 1], "weight": 3],
        [
          "name": "threes", "method": "bench.v1.Echo/Unary", "request": ["n": 3],
          "expect": ["NOT_FOUND"],
        ],
        ["name": "wrong", "method": "bench.v1.Echo/Unary", "request": ["n": 3]],
      ]
      return try await LoadRun(
        scenario(
          port, load: ["rate": 500, "duration": "1s", "warmup": "200ms", "deadline": "20s"],
          calls: calls)
      ).run()
    }
    let byName = Dictionary(uniqueKeysWithValues: result.calls.map { ($0.name, $0) })
    let ones = try #require(byName["ones"])
    let threes = try #require(byName["threes"])
    let wrong = try #require(byName["wrong"])
    #expect(result.total.intended == 500)
    #expect(ones.intended + threes.intended + wrong.intended == 500)
    #expect(ones.intended > threes.intended && threes.intended > 0)
    #expect(ones.good == ones.intended && threes.good == threes.intended && wrong.good == 0)
    #expect(wrong.codes.map(\.code) == ["NOT_FOUND"] && wrong.errorShare == 1)
    #expect(threes.codes.first?.isGood == true)
    #expect(ones.latency.count == ones.good && ones.latency.p50 > 0)
    #expect(result.timeline.slices.reduce(0) { $0 + $1.intended } == 500)
  }

  @Test("arrivals beyond the bound are not sent, and counted")
  func notSent() async throws {
    // Two calls are under way until the generator has come to the end of its schedule.
    let arrived = Atomic<Int>(0)
    let result = try await withServer { request, _ in
      arrived.add(1, ordering: .relaxed)
      try await Task.sleep(for: .seconds(2))
      return EchoResponse(n: request.n)
    } run: { port in
      try await LoadRun(
        scenario(
          port,
          load: [
            "rate": 100, "duration": "500ms", "warmup": "0s", "inFlight": 2, "deadline": "20s",
          ])
      ).run()
    }
    #expect(arrived.load(ordering: .relaxed) == 2)
    #expect(result.total.intended == 50)
    #expect(result.total.notSent == 48)
    #expect(result.total.sent == 2 && result.total.good == 2)
    #expect(result.total.errorShare == 0.96)
    #expect(result.warnings.contains { $0.hasPrefix("48 of 50 calls were not sent") })
  }

  @Test("a call that is not answered in time is a failed one")
  func deadline() async throws {
    let result = try await withServer { request, _ in
      try await Task.sleep(for: .seconds(20))
      return EchoResponse(n: request.n)
    } run: { port in
      try await LoadRun(
        scenario(
          port, load: ["rate": 20, "duration": "500ms", "warmup": "0s", "deadline": "50ms"])
      ).run()
    }
    #expect(result.total.codes.map(\.code) == ["DEADLINE_EXCEEDED"])
    #expect(result.total.codes.first?.count == 10)
    #expect(result.total.good == 0 && result.total.latency.count == 0)
  }

  @Test("set-up calls leave values for requests and metadata, and are made again in time")
  func setup() async throws {
    let seen = Mutex<[String]>([])
    let renewals = Atomic<Int>(0)
    let result = try await withServer { request, call in
      if request.n == 99 {
        let count = renewals.add(1, ordering: .relaxed).newValue
        return EchoResponse(payload: [UInt8(truncatingIfNeeded: count)], n: 5)
      }
      let token = call.metadata.first(binary: "token-bin").map { "\($0)" } ?? "none"
      seen.withLock { $0.append("\(request.n) \(token)") }
      return EchoResponse(n: request.n)
    } run: { port in
      try await LoadRun(
        scenario(
          port, load: ["rate": 25, "duration": "3s", "warmup": "0s", "deadline": "20s"],
          calls: [["method": "bench.v1.Echo/Unary", "request": ["n": "{{number}}"]]],
          also: [
            "setup": [
              [
                "method": "bench.v1.Echo/Unary", "request": ["n": 99],
                "save": ["token": "payload", "number": "n"], "renewEvery": "1s",
              ]
            ],
            "metadata": ["token-bin": "{{token}}"],
          ])
      ).run()
    }
    #expect(result.total.good == 75)
    let tokens = seen.withLock { Set($0) }
    #expect(tokens.isSuperset(of: ["5 [1]", "5 [2]"]) && tokens.count <= 4, "\(tokens)")
  }

  @Test("what the server does not offer is told before the load begins")
  func unknownMethods() async throws {
    try await withServer { port in
      func refusal(_ call: JSONValue) async throws -> String {
        let scenario = try scenario(port, load: ["rate": 10], calls: [call])
        let error = await #expect(throws: ScenarioError.self) {
          try await LoadRun(scenario).run()
        }
        return error.map { "\($0)" } ?? ""
      }
      let method = try await refusal(["method": "bench.v1.Echo/Nary"])
      #expect(
        method
          == "calls[0].method: bench.v1.Echo has no such method; there are Unary, ServerStream, ClientStream, BothStream"
      )
      let service = try await refusal(["method": "bench.v1.Ecco/Unary"])
      #expect(service.contains("it has bench.v1.Echo"))
      let field = try await refusal(["method": "bench.v1.Echo/Unary", "request": ["m": 1]])
      #expect(field == "calls[0].request: m is not a field (bench.v1.EchoRequest)")
      let stream = try await refusal([
        "method": "grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
      ])
      #expect(stream.contains("streams"))
    }
  }

  @Test("nobody at the address is told with the way out")
  func nobody() async throws {
    let server = RPCServer(services: [])
    let port = try await server.start(port: 0)
    await server.shutdownGracefully(grace: .zero)
    let scenario = try scenario(port, load: ["rate": 10])
    let error = await #expect(throws: ScenarioError.self) { try await LoadRun(scenario).run() }
    #expect(error?.path == "targets.echo")
    #expect(error?.reason.contains("make run") == true)
  }

  // MARK: Results

  @Test("a result survives its file, and its page needs nothing else")
  func files() async throws {
    var result = try await withServer { port in
      try await LoadRun(
        scenario(port, load: ["rate": 200, "duration": "500ms", "warmup": "0s"])
      ).run()
    }
    result.scenario.about = "<b>&\"</b>"
    result.judge([
      try Expectation("p99<=1h", calls: []), try Expectation("max<1us", calls: []),
    ])
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = folder.appending(path: "deep/result.json").path
    try result.write(to: path)
    let read = try RunResult.read(path)
    #expect(read.total.intended == 100 && read.expectations.map(\.isMet) == [true, false])
    let html = HTMLReport(read).html
    #expect(html.contains("&lt;b&gt;&amp;&quot;&lt;/b&gt;") && !html.contains("<b>&"))
    for outside in ["http://", "https://", "<script", "src=", "url(", "@import"] {
      #expect(!html.contains(outside), "\(outside)")
    }
    #expect(html.components(separatedBy: "<svg").count == 4)
    let compared = Comparison.text(read, read)
    #expect(compared.contains("p99") && compared.contains("1.000"))
    #expect(throws: ScenarioError.self) { try RunResult.read(folder.path + "/none.json") }
  }

  @Test("the progress line tells how it goes")
  func progress() {
    var load = Scenario.Load()
    load.stages = [Stage(from: 10, to: 10, length: 60_000_000_000)]
    var recent = Latencies.coarse
    recent.record(nanoseconds: 2_000_000)
    let line = Progress.line(
      Recorder.Live(sent: 12, good: 9, bad: 1, notSent: 3), recent, elapsed: 3_000_000_000,
      Schedule(load))
    #expect(
      line
        == "0:03 warm-up  sent 12  ok 9  errors 1  not sent 3  p50 2 ms  p99 2 ms  in flight 2  1:02 to go"
    )
  }
}

@Suite struct SelfCheckTests {
  @Test("a stall shows in full")
  func openLoop() async throws {
    var check = SelfCheck()
    check.seconds = 3
    let outcome = try await check.run()
    #expect(outcome.faults.isEmpty)
  }

  @Test("a generator that waits for answers does not pass")
  func coordinated() async throws {
    var check = SelfCheck()
    check.seconds = 3
    check.isCoordinated = true
    // A busy machine makes one call in a hundred slow by itself, but not each time.
    var isCaught = false
    for _ in 0..<5 where !isCaught {
      isCaught = try await check.run().faults.contains { $0.hasPrefix("p99 is") }
    }
    #expect(isCaught)
  }
}
