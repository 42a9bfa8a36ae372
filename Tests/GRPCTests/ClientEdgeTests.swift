import BenchAPI
import Synchronization
import Testing

@testable import GRPC

/// Cancellation wherever a caller may wait, interceptors, and what a channel counts.
@Suite struct ClientEdgeTests {
  private static let path = EchoMethods.unary.path

  @Test(
    "a call that waits for a connection ends when its task is cancelled", arguments: [true, false])
  func cancelWaiting(isUnary: Bool) async throws {
    let gone = try await RawServer.start(answer: { _ in [] })
    let port = gone.port
    await gone.stop()
    let channel = try ClientChannel(host: "127.0.0.1", port: port)
    let options = CallOptions(timeout: .seconds(60))
    let call = Task {
      if isUnary {
        _ = try await channel.unary(path: Self.path, request: [], options: options)
      } else {
        _ = try await channel.stream(path: Self.path, options: options)
      }
    }
    #expect(await eventually { channel.metrics.samples().value("grpc_client_waiting") == 1 })
    call.cancel()
    let error = await refusal { try await call.value }
    #expect(error?.code == .cancelled)
    #expect(await eventually { channel.metrics.samples().value("grpc_client_waiting") == 0 })
    await channel.close()
  }

  private enum Wait: CaseIterable { case next, headers, send }

  @Test("a task that is cancelled while it waits takes its stream along", arguments: Wait.allCases)
  private func cancelStream(wait: Wait) async throws {
    let gate = Gate()
    let service = ServiceBinding(
      EchoMethods.service, [.stream(EchoMethods.unary) { _, _, _ in try await gate.pass() }])
    try await withServer([service]) { server, channel, _ in
      let stream = try await channel.stream(path: Self.path, options: CallOptions())
      let isWaiting = Atomic(false)
      let work = Task {
        isWaiting.store(true, ordering: .relaxed)
        switch wait {
        case .next: _ = try await stream.next()
        case .headers: _ = try await stream.headers()
        case .send:
          // Nobody reads: the windows fill up.
          while true { try await stream.send([UInt8](repeating: 1, count: 64 << 10)) }
        }
      }
      #expect(await eventually { isWaiting.load(ordering: .relaxed) && gate.arrived == 1 })
      work.cancel()
      let error = await refusal { try await work.value }
      #expect(error?.code == .cancelled)
      #expect(await eventually { gate.cancelled == 1 && server.callsInFlight == 0 })
    }
  }

  @Test("a stream tells headers before its messages and trailers after them")
  func headersAndTrailers() async throws {
    let service = ServiceBinding(
      EchoMethods.service,
      [
        .stream(EchoMethods.unary) { requests, answers, call in
          call.setHeader("early", for: "x-when")
          while let message = try await requests.next() { try await answers.write(message.bytes) }
          call.setTrailer("late", for: "x-when")
          if call.metadata.first("x-fail") != nil { throw RPCError(.aborted, "so it is") }
        }
      ])
    try await withServer([service]) { _, channel, _ in
      for fails in [false, true] {
        var metadata = Metadata()
        if fails { metadata.append("1", for: "x-fail") }
        let stream = try await channel.stream(
          path: Self.path, options: CallOptions(metadata: metadata, compression: .gzip))
        try await stream.send([UInt8](repeating: 1, count: 1_000))
        let headers = try await stream.headers()
        #expect(headers.first("x-when") == "early")
        #expect(stream.trailers.isEmpty)
        let answer = try await stream.next()
        #expect(answer?.bytes.count == 1_000)
        await stream.finish()
        let error = await refusal { _ = try await stream.next() }
        #expect(error?.code == (fails ? .aborted : nil))
        #expect(stream.trailers.first("x-when") == "late")
        let late = await refusal { try await stream.send([1]) }
        #expect(late?.code == (fails ? .aborted : .cancelled))
      }
    }
  }

  @Test("calls name the host that the settings say as their authority", arguments: [true, false])
  func authority(isOverridden: Bool) async throws {
    // Of letters that no code shortens, so that they stand in the head as they are.
    let name = "XZXZ"
    let heads = Mutex<[[UInt8]]>([])
    try await withRawServer {
      if isOverridden { $0.serverName = name }
    } answer: { call in
      heads.withLock { $0.append(call.block) }
      return RawServer.empty(stream: call.stream)
    } _: { _, channel in
      _ = try await EchoClient(channel).unary(EchoRequest())
    }
    // The first of the names that HPACK knows, with a text of four bytes.
    let field = [0x41, 4] + Array(name.utf8)
    let head = try #require(heads.withLock { $0.first })
    let isThere = head.indices.contains { head[$0...].starts(with: field) }
    #expect(isThere == isOverridden)
  }

  private struct Mark: ClientInterceptor {
    let name: String
    let seen: @Sendable (String) -> Void

    func intercept(
      unary call: ClientCallInfo, options: CallOptions,
      next: @Sendable (CallOptions) async throws -> RPCResponse
    ) async throws -> RPCResponse {
      seen("\(name) \(call.service) \(call.method)")
      var options = options
      options.metadata.append(name, for: "x-color")
      defer { seen("\(name) done") }
      return try await next(options)
    }

    func intercept(
      stream call: ClientCallInfo, options: CallOptions,
      next: @Sendable (CallOptions) async throws -> RPCStream
    ) async throws -> RPCStream {
      seen("\(name) stream")
      return try await next(options)
    }
  }

  @Test(
    "interceptors run in order around calls and change their options", arguments: Depth.allCases)
  func interceptors(depth: Depth) async throws {
    let service = echo { request, call in
      EchoResponse(payload: Array(call.metadata[string: "x-color"].joined(separator: ",").utf8))
    }
    try await withEcho(at: depth, [service]) { _, channel in
      let seen = Mutex<[String]>([])
      let marks = ["a", "b"].map { name in
        Mark(name: name) { text in seen.withLock { $0.append(text) } }
      }
      let intercepted = InterceptedChannel(channel, marks)
      let answer = try await EchoClient(intercepted).unary(EchoRequest())
      #expect(answer.payload == Array("a,b".utf8))
      let unary = seen.withLock { $0 }
      #expect(unary == ["a bench.v1.Echo Unary", "b bench.v1.Echo Unary", "b done", "a done"])
      let stream = try await intercepted.stream(
        path: ServerReflectionMethods.serverReflectionInfo.path, options: CallOptions())
      stream.cancel()
      let all = seen.withLock { $0 }
      #expect(all.suffix(2) == ["a stream", "b stream"])
      let plain = try await EchoClient(InterceptedChannel(channel, [])).unary(EchoRequest())
      #expect(plain.payload.isEmpty)
    }
  }

  @Test("a channel counts its calls, its servers and what waits")
  func counts() async throws {
    let service = echo { request, _ in
      if request.n == 1 { throw RPCError(.notFound, "none") }
      return EchoResponse()
    }
    try await withServer([service]) { _, channel, _ in
      let client = EchoClient(channel)
      for n in [0, 1, 0] as [Int32] {
        _ = await refusal { try await client.unary(EchoRequest(n: n)) }
      }
      let samples = channel.metrics.samples()
      #expect(samples.value("grpc_client_started_total") == 3)
      #expect(samples.value("grpc_client_handled_total", "OK") == 2)
      #expect(samples.value("grpc_client_handled_total", "NOT_FOUND") == 1)
      #expect(samples.value("grpc_client_connections", "ready") == 1)
      #expect(samples.value("grpc_client_retries_total") == 0)
    }
  }
}

extension [MetricSample] {
  /// The figure of that name, with that label if one is named.
  fileprivate func value(_ name: String, _ label: String? = nil) -> Double? {
    first { sample in
      sample.name == name && (label == nil || sample.labels.contains { $0.value == label })
    }?.value
  }
}
