import BenchAPI
import Protobuf
import TestKit
import Testing

@testable import GRPC

@Suite("Calls with streams of messages")
struct StreamingTests {
  private static let patience = CallOptions(timeout: .seconds(60).patient)

  @Test("every kind of stream arrives whole and in order", arguments: Depth.allCases)
  func kinds(depth: Depth) async throws {
    try await withEcho(at: depth, [.echo(StreamEcho())]) { client, _ in
      var next: Int32 = 0
      let many = try await client.serverStream(
        EchoStreamRequest(message: EchoRequest(payload: [7]), count: 1_000))
      for try await answer in many {
        #expect(answer == EchoResponse(payload: [7], n: next))
        next += 1
      }
      #expect(next == 1_000)

      let sum = try await client.clientStream()
      for n in 1...1_000 { try await sum.requests.write(EchoRequest(n: Int32(n))) }
      await sum.requests.finish()
      #expect(try await sum.response().n == 500_500)

      let both = try await client.bothStream()
      for n in 0..<100 {
        try await both.requests.write(EchoRequest(n: Int32(n)))
        #expect(try await both.responses.next()?.n == Int32(n))
      }
      await both.requests.finish()
      #expect(try await both.responses.next() == nil)
    }
  }

  @Test("no messages at all are a stream too", arguments: Depth.allCases)
  func empty(depth: Depth) async throws {
    try await withEcho(at: depth, [.echo(StreamEcho())]) { client, _ in
      let none = try await client.serverStream(EchoStreamRequest())
      #expect(try await none.next() == nil)
      let sum = try await client.clientStream()
      await sum.requests.finish()
      #expect(try await sum.response() == EchoResponse())
      let both = try await client.bothStream()
      await both.requests.finish()
      #expect(try await both.responses.next() == nil)
    }
  }

  @Test("a message that cannot be read ends the call by name", arguments: Depth.allCases)
  func malformed(depth: Depth) async throws {
    let methods = [EchoMethods.serverStream, EchoMethods.clientStream, EchoMethods.bothStream]
    try await withEcho(at: depth, [.echo(StreamEcho())]) { _, channel in
      for method in methods {
        let error = await refusal {
          let call = try await channel.stream(path: method.path, options: Self.patience)
          if method.clientStreaming { try await call.send(EchoRequest(n: 1).serialized()) }
          try await call.send([0xff, 0xff])
          await call.finish()
          while try await call.next() != nil {}
        }
        #expect(error?.code == .invalidArgument, "\(method.name)")
        #expect(error?.reason == "MALFORMED_MESSAGE", "\(method.name)")
      }
    }
  }

  @Test("more or fewer messages than the method takes are refused", arguments: Depth.allCases)
  func cardinality(depth: Depth) async throws {
    try await withEcho(at: depth, [.echo(StreamEcho())]) { _, channel in
      for (path, count) in [
        (EchoMethods.serverStream.path, 0), (EchoMethods.serverStream.path, 2),
        (EchoMethods.unary.path, 0), (EchoMethods.unary.path, 2),
      ] {
        let error = await refusal {
          let call = try await channel.stream(path: path, options: Self.patience)
          for _ in 0..<count { try await call.send([]) }
          await call.finish()
          while try await call.next() != nil {}
        }
        #expect(error?.code == .unimplemented, "\(count) requests of \(path)")
      }
    }
  }

  @Test("a handler that stops early ends the call for whoever writes", arguments: Depth.allCases)
  func earlyEnd(depth: Depth) async throws {
    var service = StreamEcho()
    service.client = { requests, _ in
      _ = try await requests.next()
      throw RPCError(.failedPrecondition, reason: "ENOUGH", "enough")
    }
    try await withEcho(at: depth, [.echo(service)]) { client, _ in
      let call = try await client.clientStream(options: Self.patience)
      let ended = await eventually {
        await refusal { try await call.requests.write(EchoRequest(n: 1)) } != nil
      }
      #expect(ended)
      let error = await refusal { try await call.response() }
      #expect(error?.reason == "ENOUGH")
    }
  }

  @Test("what is said beside a stream arrives before and after it", arguments: Depth.allCases)
  func metadata(depth: Depth) async throws {
    let gate = Gate()
    var service = StreamEcho()
    service.server = { _, answers, call in
      call.setHeader("early", for: "x-when")
      try await answers.write(EchoResponse(n: 1))
      try await gate.pass()
      call.setTrailer("late", for: "x-when")
    }
    try await withEcho(at: depth, [.echo(service)]) { client, _ in
      let answers = try await client.serverStream(EchoStreamRequest(), options: Self.patience)
      #expect(try await answers.headers()[string: "x-when"] == ["early"])
      #expect(answers.trailers.isEmpty)
      gate.open()
      while try await answers.next() != nil {}
      #expect(answers.trailers[string: "x-when"] == ["late"])
    }
  }

  @Test("a stream ends with its deadline, for both sides", arguments: Depth.allCases)
  func deadline(depth: Depth) async throws {
    let gate = Gate()
    var service = StreamEcho()
    service.both = { requests, answers, _ in
      for try await request in requests {
        if request.n == 1 { try await gate.pass() }
        try await answers.write(EchoResponse(n: request.n))
      }
    }
    try await withEcho(at: depth, [.echo(service)]) { client, _ in
      // Who is not even connected at its deadline hears UNAVAILABLE.
      _ = try await client.unary(EchoRequest(), options: Self.patience)
      let error = await refusal {
        let call = try await client.bothStream(options: CallOptions(timeout: .milliseconds(300)))
        // When it is too late for a write, the answers say why.
        try? await call.requests.write(EchoRequest())
        while try await call.responses.next() != nil {
          try? await call.requests.write(EchoRequest(n: 1))
        }
      }
      #expect(error?.code == .deadlineExceeded)
      #expect(await eventually { gate.cancelled == gate.arrived })
    }
  }

  @Test("each message says whether it was compressed", arguments: Depth.allCases)
  func compressed(depth: Depth) async throws {
    let payload = [UInt8](repeating: 1, count: 1_000)
    var service = StreamEcho()
    service.both = { requests, answers, call in
      call.setResponseCompression(.gzip)
      while let request = try await requests.receive() {
        try await answers.write(
          EchoResponse(payload: request.message.payload, n: request.wasCompressed ? 1 : 0),
          compressed: request.wasCompressed)
      }
    }
    try await withEcho(at: depth, [.echo(service)]) { client, _ in
      var options = Self.patience
      options.compression = .gzip
      let call = try await client.bothStream(options: options)
      for compressed in [true, false, true] {
        try await call.requests.write(EchoRequest(payload: payload), compressed: compressed)
        let answer = try #require(try await call.responses.receive())
        #expect(answer.message == EchoResponse(payload: payload, n: compressed ? 1 : 0))
        #expect(answer.wasCompressed == compressed)
      }
      await call.requests.finish()
      #expect(try await call.responses.next() == nil)
    }
  }
}
