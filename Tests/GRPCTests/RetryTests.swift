import BenchAPI
import Synchronization
import Testing

@testable import GRPC

/// What is made again, how often, and what never is.
@Suite struct RetryTests {
  private static let policy = RetryPolicy(
    maxAttempts: 4, initialBackoff: .milliseconds(5), maxBackoff: .milliseconds(20))

  private func retrying(
    _ settings: inout ChannelSettings, _ policy: RetryPolicy = Self.policy
  ) {
    settings.methods = [MethodConfig([.service("bench.v1.Echo")], retries: policy)]
  }

  private func call(_ channel: ClientChannel, _ options: CallOptions = CallOptions()) async throws
    -> RPCResponse
  {
    try await channel.unary(path: EchoMethods.unary.path, request: [0x10, 1], options: options)
  }

  @Test("a policy grants so many attempts, and no policy none", arguments: [true, false])
  func attempts(hasPolicy: Bool) async throws {
    try await withRawServer {
      if hasPolicy { retrying(&$0) }
    } answer: { call in
      call.number < 3
        ? RawServer.trailersOnly(stream: call.stream, 14) : RawServer.empty(stream: call.stream)
    } _: { server, channel in
      let error = await refusal { try await call(channel) }
      #expect(error?.code == (hasPolicy ? nil : .unavailable))
      #expect(server.calls == (hasPolicy ? 4 : 1))
    }
    try await withRawServer {
      retrying(&$0)
    } answer: {
      RawServer.trailersOnly(stream: $0.stream, 14)
    } _: { server, channel in
      #expect(await refusal { try await call(channel) }?.code == .unavailable)
      #expect(server.calls == 4)
    }
  }

  @Test("other codes, and answers that have begun, are final")
  func finality() async throws {
    let answers: [RawServer.Answer] = [
      { RawServer.trailersOnly(stream: $0.stream, 9) },
      { call in
        RawServer.headers(stream: call.stream, [RawServer.grpc])
          + RawServer.block(stream: call.stream, end: true, [("grpc-status", "14")])
      },
      { call in
        RawServer.headers(stream: call.stream, [RawServer.grpc])
          + RawServer.reset(stream: call.stream, 7)
      },
    ]
    for answer in answers {
      try await withRawServer {
        retrying(&$0)
      } answer: {
        answer($0)
      } _: { server, channel in
        #expect(await refusal { try await call(channel) } != nil)
        #expect(server.calls == 1)
      }
    }
  }

  @Test("a server says when, and whether at all")
  func pushback() async throws {
    for (said, attempts) in [("-1", 1), ("soon", 1), ("150", 2)] {
      let start = ContinuousClock.now
      try await withRawServer {
        retrying(&$0)
      } answer: { call in
        call.number == 0
          ? RawServer.trailersOnly(stream: call.stream, 14, [("grpc-retry-pushback-ms", said)])
          : RawServer.empty(stream: call.stream)
      } _: { server, channel in
        let error = await refusal { try await call(channel) }
        #expect(error?.code == (attempts == 1 ? .unavailable : nil))
        #expect(server.calls == attempts)
        if attempts == 2 { #expect(ContinuousClock.now - start >= .milliseconds(150)) }
      }
    }
  }

  @Test("no attempt is begun that the deadline would not see")
  func deadline() async throws {
    let slow = RetryPolicy(maxAttempts: 5, initialBackoff: .seconds(60), maxBackoff: .seconds(60))
    try await withRawServer {
      retrying(&$0, slow)
    } answer: {
      RawServer.trailersOnly(stream: $0.stream, 14)
    } _: { server, channel in
      let start = ContinuousClock.now
      let error = await refusal { try await call(channel, CallOptions(timeout: .seconds(20))) }
      #expect(error?.code == .unavailable)
      #expect(ContinuousClock.now - start < .seconds(15))
      #expect(server.calls == 1)
    }
  }

  @Test("a cancelled call makes no further attempt")
  func cancelled() async throws {
    let long = RetryPolicy(maxAttempts: 2, initialBackoff: .seconds(10), maxBackoff: .seconds(10))
    try await withRawServer {
      retrying(&$0, long)
    } answer: {
      RawServer.trailersOnly(stream: $0.stream, 14)
    } _: { server, channel in
      let call = Task { try await self.call(channel) }
      #expect(
        await eventually {
          channel.metrics.samples().contains {
            $0.name == "grpc_client_retries_total" && $0.value == 1
          }
        })
      call.cancel()
      #expect(await refusal { try await call.value }?.code == .cancelled)
      #expect(server.calls == 1)
    }
  }

  /// R2 of reliability.md.
  @Test("when everything fails, retries add no more than the bucket, and recovery is at once")
  func storm() async throws {
    let offered = 600
    let attempts = Atomic(0)
    let isWell = Atomic(false)
    let service = echo { request, _ in
      attempts.wrappingAdd(1, ordering: .relaxed)
      guard isWell.load(ordering: .relaxed) else { throw RPCError(.unavailable, "down") }
      return EchoResponse(n: request.n)
    }
    try await withServer([service]) { _, _, port in
      var settings = ChannelSettings()
      settings.defaultDeadline = .seconds(20)
      retrying(&settings)
      let channel = try ClientChannel(host: "127.0.0.1", port: port, settings: settings)
      await withTaskGroup(of: Void.self) { group in
        for _ in 0..<6 {
          group.addTask {
            for _ in 0..<(offered / 6) { _ = await refusal { try await self.call(channel) } }
          }
        }
      }
      let extra = attempts.load(ordering: .relaxed) - offered
      #expect(extra >= 1 && extra <= 10)
      let throttled = channel.metrics.samples().first { $0.name == "grpc_client_throttled_total" }
      #expect((throttled?.value ?? 0) > 500)
      isWell.store(true, ordering: .relaxed)
      _ = try await call(channel)
      await channel.close()
    }
  }

  @Test("a call with streams is made again with what it sent, unless that was too much")
  func streams() async throws {
    for (bound, expected) in [(1_000, 2), (2, 1)] {
      let attempts = Atomic(0)
      let service = ServiceBinding(
        EchoMethods.service,
        [
          .stream(EchoMethods.unary) { requests, answers, _ in
            let attempt = attempts.wrappingAdd(1, ordering: .relaxed).newValue
            var sum: [UInt8] = []
            while let message = try await requests.next() { sum += message.bytes }
            if attempt == 1 { throw RPCError(.unavailable, "not yet") }
            try await answers.write(sum)
          }
        ])
      try await withServer([service]) { _, _, port in
        var settings = ChannelSettings()
        settings.retryBytesMax = bound
        retrying(&settings)
        let channel = try ClientChannel(host: "127.0.0.1", port: port, settings: settings)
        let stream = try await channel.stream(
          path: EchoMethods.unary.path, options: CallOptions(timeout: .seconds(20)))
        try await stream.send([1, 2])
        try await stream.send([3])
        await stream.finish()
        if expected == 2 {
          #expect(try await stream.next()?.bytes == [1, 2, 3])
          #expect(try await stream.next() == nil)
        } else {
          #expect(await refusal { try await stream.next() }?.code == .unavailable)
        }
        #expect(attempts.load(ordering: .relaxed) == expected)
        await channel.close()
      }
    }
  }

  @Test("the most particular configuration holds, and its time bounds the call")
  func configuration() async throws {
    let plans = MethodPlans([
      MethodConfig([.all], timeout: .seconds(9)),
      MethodConfig([.service("a.B"), .method("/c.D/E")], timeout: .seconds(5)),
      MethodConfig([.method("/a.B/C")], timeout: .seconds(1)),
    ])
    #expect(plans.config(of: "/a.B/C")?.timeout == .seconds(1))
    #expect(plans.config(of: "/a.B/D")?.timeout == .seconds(5))
    #expect(plans.config(of: "/c.D/E")?.timeout == .seconds(5))
    #expect(plans.config(of: "/c.D/F")?.timeout == .seconds(9))
    #expect(plans.config(of: "odd")?.timeout == .seconds(9))
    #expect(MethodPlans([]).config(of: "/a.B/C") == nil)
    try await withRawServer {
      $0.methods = [MethodConfig([.all], timeout: .milliseconds(50))]
    } answer: { _ in
      []
    } _: { _, channel in
      let error = await refusal { try await call(channel, CallOptions(timeout: .seconds(30))) }
      #expect(error?.code == .deadlineExceeded)
    }
  }

  @Test("pauses grow to their bound; what is out of range is brought into it")
  func policyBounds() {
    let policy = RetryPolicy(
      maxAttempts: 99, initialBackoff: .milliseconds(10), maxBackoff: .milliseconds(50))
    #expect(policy.maxAttempts == 5)
    #expect(
      (1...4).map { policy.pause(afterAttempts: $0) }
        == [10, 20, 40, 50].map { Duration.milliseconds($0) })
    #expect(RetryPolicy(multiplier: .nan).multiplier == 1)
    var bucket = RetryBucket(RetryThrottling(maxTokens: 4, tokenRatio: 0.5))
    let first = [bucket.failed(), bucket.failed(), bucket.failed()]
    #expect(first == [true, false, false])
    for _ in 0..<5 { bucket.succeeded() }
    let afterSuccess = bucket.failed()
    #expect(afterSuccess)
  }
}
