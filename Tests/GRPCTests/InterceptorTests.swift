import BenchAPI
import Logging
import Synchronization
import TestKit
import Testing

@testable import GRPC

/// The ready-made interceptors of calls that are made, over both kinds of calls.
@Suite struct InterceptorTests {
  /// Answers with what it was told beside the request; refuses a call with the number 1.
  private static let service = ServiceBinding(
    EchoMethods.service,
    [
      .unary(EchoMethods.unary) { (request: EchoRequest, call) in
        if request.n == 1 { throw RPCError(.aborted, reason: "BUSY", "not now") }
        return EchoResponse(payload: told(call))
      },
      .serverStreaming(EchoMethods.serverStream) {
        (request: EchoStreamRequest, answers: MessageWriter<EchoResponse>, call) in
        for _ in 0..<request.count { try await answers.write(EchoResponse(payload: told(call))) }
        if request.count == 1 { throw RPCError(.aborted, reason: "BUSY", "not now") }
      },
    ])

  private static func told(_ call: CallContext) -> [UInt8] {
    let names = ["authorization", "traceparent"].flatMap { call.metadata[string: $0] }
    return Array(names.joined(separator: ",").utf8)
  }

  /// A client of the service behind an interceptor.
  private func with(
    _ interceptor: any ClientInterceptor, _ body: (EchoClient) async throws -> Void
  ) async throws {
    try await withEcho(at: .wire, [Self.service]) { _, channel in
      try await body(EchoClient(InterceptedChannel(channel, [interceptor])))
    }
  }

  /// What the server was told by a call of each kind.
  private func words(_ echo: EchoClient) async throws -> [String] {
    var answers = [try await echo.unary(EchoRequest())]
    for try await answer in try await echo.serverStream(EchoStreamRequest(count: 2)) {
      answers.append(answer)
    }
    return answers.map { String(decoding: $0.payload, as: UTF8.self) }
  }

  @Test("a token is asked for anew for each call, and without one nothing is sent")
  func bearer() async throws {
    let asked = Mutex(0)
    try await with(
      CallMetadata.bearer { () throws(RPCError) in
        let number = asked.withLock { count in
          count += 1
          return count
        }
        if number == 3 { throw RPCError(.unauthenticated, reason: "NO_TOKEN", "signed out") }
        return number == 4 ? "a\nb" : "token-\(number)"
      }
    ) { echo in
      let words = try await words(echo)
      #expect(words == ["Bearer token-1", "Bearer token-2", "Bearer token-2"])
      let refused = await refusal { try await echo.unary(EchoRequest()) }
      #expect(refused?.reason == "NO_TOKEN")
      let illegal = await refusal { try await echo.serverStream(EchoStreamRequest()) }
      #expect(illegal?.code == .unauthenticated)
    }
  }

  @Test("a call without a trace begins one, and one that has one keeps it")
  func trace() async throws {
    try await with(TraceInterceptor()) { echo in
      let words = try await words(echo)
      #expect(words.allSatisfy { TraceContext(traceparent: $0) != nil })
      #expect(Set(words).count == 2)
      let own = TraceContext().traceparent
      var metadata = Metadata()
      metadata.append(own, for: TraceContext.key)
      let answer = try await echo.unary(EchoRequest(), options: CallOptions(metadata: metadata))
      #expect(answer.payload == Array(own.utf8))
    }
  }

  /// Calls that end well, calls that fail, and a stream that is given up.
  private func callAll(_ echo: EchoClient) async throws {
    _ = try await words(echo)
    _ = await refusal { try await echo.unary(EchoRequest(n: 1)) }
    _ = await refusal {
      for try await _ in try await echo.serverStream(EchoStreamRequest(count: 1)) {}
    }
    let given = try await echo.serverStream(EchoStreamRequest(count: 1_000_000))
    _ = try await given.next()
    given.cancel()
    given.cancel()
  }

  @Test("each call that is made is one line, those that end well at debug only")
  func log() async throws {
    let lines = Lines()
    var logger = Logger(label: "test") { _ in LinesHandler(lines) }
    for level in [Logger.Level.debug, .info] {
      logger.logLevel = level
      let before = lines.all.count
      try await with(LogInterceptor(logger: logger)) { try await callAll($0) }
      let told = lines.all.dropFirst(before)
      #expect(told.count == (level == .debug ? 5 : 3))
      #expect(told.count { $0.hasPrefix("info call made") } == 3)
      #expect(told.count { $0.contains("code=OK") } == (level == .debug ? 2 : 0))
      #expect(told.count { $0.contains("code=ABORTED") && $0.contains("reason=BUSY") } == 2)
      #expect(told.count { $0.contains("code=CANCELLED") } == 1)
      #expect(told.count { $0.contains("method=/bench.v1.Echo/ServerStream") } >= 2)
    }
  }

  @Test("calls that are made are counted by method and by how they ended")
  func metrics() async throws {
    let metrics = MethodMetrics()
    func value(_ name: String, _ method: MethodDescriptor, _ code: String? = nil) -> Double? {
      metrics.samples().first { sample in
        let labels = sample.labels.map(\.value)
        return sample.name == "grpc_client_method_\(name)" && labels.contains(method.path)
          && (code == nil || labels.contains(code ?? ""))
      }?.value
    }
    try await with(metrics) { echo in
      let open = try await echo.serverStream(EchoStreamRequest(count: 1_000_000))
      #expect(value("in_flight", EchoMethods.serverStream) == 1)
      open.cancel()
      #expect(value("in_flight", EchoMethods.serverStream) == 0)
      try await callAll(echo)
    }
    #expect(value("started_total", EchoMethods.unary) == 2)
    #expect(value("handled_total", EchoMethods.unary, "OK") == 1)
    #expect(value("handled_total", EchoMethods.unary, "ABORTED") == 1)
    #expect(value("handling_seconds", EchoMethods.unary) == 2)
    #expect(value("started_total", EchoMethods.serverStream) == 4)
    #expect(value("handled_total", EchoMethods.serverStream, "OK") == 1)
    #expect(value("handled_total", EchoMethods.serverStream, "ABORTED") == 1)
    #expect(value("handled_total", EchoMethods.serverStream, "CANCELLED") == 2)
    #expect(value("handled_total", EchoMethods.bothStream) == nil)
  }
}
