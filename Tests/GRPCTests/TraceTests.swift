import BenchAPI
import CommonAPI
import GRPC
import Logging
import Synchronization
import TestKit
import Testing

@Suite struct TraceTests {
  private static let sent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
  private static let method = MethodDescriptor(
    service: "test.v1.Service", name: "Method", access: AccessRule(),
    requestType: EchoRequest.self, responseType: EchoResponse.self)

  private static func call(_ pairs: [String: String] = [:]) -> CallContext {
    var metadata = Metadata()
    for (key, value) in pairs { metadata.append(value, for: key) }
    return CallContext(
      method: method, metadata: metadata, peer: Peer(serviceName: "gateway", address: "192.0.2.1"))
  }

  /// The call as those after the interceptor see it.
  private static func traced(_ call: CallContext) async throws -> CallContext {
    let seen = Mutex<CallContext?>(nil)
    _ = try await TraceInterceptor().intercept(EchoRequest(), in: call) { _, call in
      seen.withLock { $0 = call }
      return EchoResponse()
    }
    return try #require(seen.withLock { $0 })
  }

  @Test("a valid traceparent is read and written as it came")
  func reads() throws {
    let trace = try #require(TraceContext(traceparent: Self.sent))
    #expect(trace.traceID == "4bf92f3577b34da6a3ce929d0e0e4736")
    #expect(trace.spanID == "00f067aa0ba902b7")
    #expect(trace.traceparent == Self.sent)
    // A later version may say more.
    #expect(TraceContext(traceparent: "cc" + Self.sent.dropFirst(2) + "-more") != nil)
  }

  @Test(
    "anything else is ignored",
    arguments: [
      "", "00", sent + "0", sent + "-x", "ff" + sent.dropFirst(2), sent.uppercased(),
      "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
      "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
      "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
      "cc" + sent.dropFirst(2) + ".more", "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
    ])
  func ignores(text: String) {
    #expect(TraceContext(traceparent: text) == nil)
  }

  @Test("a call keeps its caller's trace, and calls made for it get spans of their own")
  func travels() async throws {
    let call = try await Self.traced(Self.call(["traceparent": Self.sent, "tracestate": "a=b"]))
    #expect(call.trace?.traceparent == Self.sent)
    let onward = call.onward().metadata
    let next = onward[string: "traceparent"].compactMap(TraceContext.init(traceparent:))
    #expect(next.map(\.traceID) == ["4bf92f3577b34da6a3ce929d0e0e4736"])
    #expect(next.first?.spanID != "00f067aa0ba902b7")
    #expect(onward.first("tracestate") == "a=b")
    #expect(call.logMetadata["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736")
  }

  @Test("a call without a trace, or with a broken one, begins one")
  func begins() async throws {
    let first = try await Self.traced(Self.call())
    let second = try await Self.traced(Self.call(["traceparent": "00-broken"]))
    let ids = [first, second].compactMap { $0.trace?.traceID }
    #expect(Set(ids).count == 2)
    #expect(second.onward().metadata[string: "traceparent"].count == 1)
    #expect(second.onward().metadata.first("traceparent")?.contains(ids[1]) == true)
  }

  // MARK: Logs

  /// The lines of a call that ends in some way.
  private static func lines(
    at level: Logger.Level, _ pairs: [String: String] = [:], failing error: RPCError? = nil
  ) async -> [String] {
    let lines = Lines()
    var logger = Logger(label: "test") { _ in LinesHandler(lines) }
    logger.logLevel = level
    let interceptor = LogInterceptor(logger: logger)
    _ = try? await interceptor.intercept(
      EchoRequest(payload: Array("ada@example.org".utf8)), in: call(pairs)
    ) { _, _ in
      if let error { throw error }
      return EchoResponse()
    }
    return lines.all
  }

  @Test("a failed call is one line, which says nothing of what was asked")
  func failures() async throws {
    let error = RPCError(.notFound, reason: "THING_NOT_FOUND", "no ada@example.org")
    let lines = await Self.lines(
      at: .info, ["x-request-id": "r-1", "x-name": "Ada"], failing: error)
    let line = try #require(lines.first)
    #expect(lines.count == 1)
    for fact in [
      "code=NOT_FOUND", "method=/test.v1.Service/Method", "caller=gateway", "request_id=r-1",
      "reason=THING_NOT_FOUND", "ms=",
    ] {
      #expect(line.contains(fact), "\(fact) in \(line)")
    }
    #expect(!line.contains("ada") && !line.contains("Ada"))
  }

  @Test("a call that succeeds is told at debug only")
  func successes() async {
    #expect(await Self.lines(at: .info) == [])
    #expect(await Self.lines(at: .debug).count == 1)
    #expect(await Self.lines(at: .notice, failing: RPCError(.aborted, "x")) == [])
  }

  @Test("a request id that is no id is left out")
  func longIDs() async {
    let long = String(repeating: "x", count: 65)
    let lines = await Self.lines(
      at: .info, ["x-request-id": long], failing: RPCError(.aborted, "x"))
    #expect(lines.count == 1 && lines.first?.contains("xxx") == false)
  }
}
