import Foundation
import FoundationNetworking
import GRPC
import Logging
import Metrics
import Synchronization
import TestKit
import Testing

@testable import ServiceKit

@Suite struct AdminTests {
  /// What a path of an admin server with these sources answers.
  private func answer(
    _ path: String, _ sources: AdminServer.Sources, method: String = "GET"
  ) async throws -> (status: Int, text: String) {
    let server = AdminServer(sources)
    let port = try await server.start(host: "127.0.0.1", port: 0)
    var request = URLRequest(url: try #require(URL(string: "http://127.0.0.1:\(port)\(path)")))
    request.httpMethod = method
    let result: (Data, URLResponse)
    do {
      result = try await URLSession.shared.data(for: request)
    } catch {
      await server.stop()
      throw error
    }
    await server.stop()
    let status = (result.1 as? HTTPURLResponse)?.statusCode ?? 0
    return (status, String(decoding: result.0, as: UTF8.self))
  }

  @Test("alive while the loops turn, ready while the work can be done")
  func health() async throws {
    // Other tests hold the threads that tasks run on, for more than a second on a busy machine.
    #expect(try await eventually { try await answer("/healthz", .init()).status == 200 })
    #expect(try await answer("/readyz", .init()).status == 200)
    let unready = AdminServer.Sources(isReady: { false })
    #expect(try await answer("/readyz", unready).status == 503)
    #expect(try await eventually { try await answer("/healthz", unready).status == 200 })
    let slow = AdminServer.Sources(loopDelay: { .seconds(2) })
    #expect(try await answer("/healthz", slow).status == 503)
    #expect(try await answer("/", .init()).status == 404)
    #expect(try await answer("/metrics", .init(), method: "POST").status == 405)
  }

  @Test("a loop that never answers is found out")
  func hangs() async throws {
    let (gate, opener) = AsyncStream.makeStream(of: Void.self)
    let sources = AdminServer.Sources(loopDelay: {
      for await _ in gate {}
      return .zero
    })
    let found = try await answer("/healthz", sources)
    opener.finish()
    #expect(found.status == 503)
  }

  @Test("Prometheus' own reader understands the page")
  func metrics() async throws {
    let registry = MetricsRegistry()
    registry.makeCounter(label: "our.counter", dimensions: [("kind", "a \"b\"\\\nc")])
      .increment(by: 3)
    registry.makeCounter(label: "our.counter", dimensions: [("kind", "other")]).increment(by: 1)
    registry.makeTimer(label: "our_timer", dimensions: [("2nd", "é")])
      .recordNanoseconds(3_000_000)
    registry.makeMeter(label: "our_meter", dimensions: []).set(-2.5)
    registry.makeRecorder(label: "our_sizes", dimensions: [], aggregate: true).record(
      Int64(50_000_000))
    let server = MetricSample(
      name: "grpc_server_handling_seconds", help: "Time.\nOf calls.",
      kind: .histogram(
        buckets: [(upperBound: 0.5, count: 1), (upperBound: .infinity, count: 2)], sum: 3, count: 2),
      labels: [(name: "method", value: "/a.B/C")], value: 2)
    let page = try await answer(
      "/metrics", .init(samples: { [server] + registry.samples() }, loopDelay: { .milliseconds(2) })
    )
    #expect(page.status == 200)
    let read = try Self.read(page.text)
    #expect(read["our_counter_total{kind=a \"b\"\\\nc}"] == 3)
    #expect(read["our_counter_total{kind=other}"] == 1)
    #expect(read["our_timer_seconds_bucket{_2nd=é,le=0.005}"] == 1)
    #expect(read["our_timer_seconds_bucket{_2nd=é,le=0.0025}"] == 0)
    #expect(read["our_timer_seconds_count{_2nd=é}"] == 1)
    #expect(read["our_meter"] == -2.5)
    #expect(read["our_sizes_bucket{le=+Inf}"] == 1)
    #expect(read["our_sizes_bucket{le=1e+07}"] ?? read["our_sizes_bucket{le=10000000}"] == 0)
    #expect(read["grpc_server_handling_seconds_sum{method=/a.B/C}"] == 3)
    #expect(read["clientele_loop_delay_seconds"] == 0.002)
    for name in ["process_resident_memory_bytes", "process_open_fds", "process_cpu_seconds_total"] {
      #expect(read[name] ?? 0 > 0, "\(name)")
    }
  }

  /// The samples of a page, as PyPI's prometheus_client reads them.
  private static func read(_ page: String) throws -> [String: Double] {
    let script = """
      import json, sys
      from prometheus_client.parser import text_string_to_metric_families
      out = {}
      for family in text_string_to_metric_families(sys.stdin.read()):
          assert family.type != "unknown", family.name
          for s in family.samples:
              labels = ",".join(f"{k}={v}" for k, v in sorted(s.labels.items()))
              out[s.name + ("{" + labels + "}" if labels else "")] = s.value
      print(json.dumps({k: v for k, v in out.items() if v == v}))
      """
    let process = Process()
    process.executableURL = Checkout.root.appending(path: ".venv/bin/python")
    process.arguments = ["-c", script]
    let input = Pipe()
    let output = Pipe()
    process.standardInput = input
    process.standardOutput = output
    try process.run()
    try input.fileHandleForWriting.write(contentsOf: Data(page.utf8))
    try input.fileHandleForWriting.close()
    let answer = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0)
    return try JSONDecoder().decode([String: Double].self, from: answer)
  }

  @Test("too many series are refused and counted")
  func bound() throws {
    let registry = MetricsRegistry()
    for index in 0...MetricsRegistry.seriesMax {
      registry.makeCounter(label: "c", dimensions: [("id", "\(index)")]).increment(by: 1)
    }
    let samples = registry.samples()
    #expect(samples.count { $0.name == "c_total" } == MetricsRegistry.seriesMax)
    #expect(samples.last?.value == 1)
  }
}

@Suite struct LineLogTests {
  @Test("a line has one line, and 8 KiB at most")
  func shape() {
    let moment = Date(timeIntervalSince1970: 0)
    let line = LineLog.line(
      .info, "identity", "said\nso", ["b": "2", "a": "\u{1b}[31m"], at: moment)
    #expect(
      String(decoding: line, as: UTF8.self)
        == "1970-01-01T00:00:00.000Z info identity said so a= [31m b=2\n")
    for text in ["x", "é", "😀"] {
      let long = LineLog.line(
        .info, "l", String(repeating: text, count: 9_000), ["a": "b"], at: moment)
      #expect(long.count <= LineLog.lineBytesMax && long.count > LineLog.lineBytesMax - 8)
      let read = String(validating: long, as: UTF8.self)
      #expect(read?.hasSuffix("…\n") == true, "\(text)")
    }
  }

  @Test("a flood is cut to so many lines a second, and what is lost is counted")
  func flood() {
    let second = Seconds()
    let budget = LineBudget(perSecond: 3, seconds: { second.value })
    #expect((0..<5).map { _ in budget.take() } == [true, true, true, false, false])
    #expect(budget.dropped == 2)
    second.set(1)
    #expect(budget.take())
  }
}

/// A clock that a test sets.
private final class Seconds: Sendable {
  private let now = Mutex<Int64>(0)

  var value: Int64 { now.withLock { $0 } }
  func set(_ value: Int64) { now.withLock { $0 = value } }
}
