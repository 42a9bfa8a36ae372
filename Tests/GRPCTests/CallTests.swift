import BenchAPI
import CommonAPI
import Protobuf
import Synchronization
import Testing

@testable import GRPC

@Suite struct CallTests {
  @Test("a request is answered", arguments: Depth.allCases)
  func unary(depth: Depth) async throws {
    try await withEcho(at: depth, [echo()]) { client, _ in
      let small = EchoRequest(payload: [1, 2, 3], n: -7)
      #expect(try await client.unary(small) == EchoResponse(payload: [1, 2, 3], n: -7))
      #expect(try await client.unary(EchoRequest()) == EchoResponse())
      let large = [UInt8](repeating: 42, count: 900_000)
      let answer = try await client.unary(EchoRequest(payload: large))
      #expect(answer.payload.count == large.count)
    }
  }

  @Test("an error arrives with reason, facts, bad fields and ways out", arguments: Depth.allCases)
  func errorDetails(depth: Depth) async throws {
    let sent = RPCError(
      .failedPrecondition, reason: "NO_EMAIL", "50 % of é\nfails", metadata: ["limit": "3"],
      violations: [FieldViolation(field: "contact_points[0].email", description: "is missing")],
      resolutions: [Resolution(rpc: "a.B/C", labelKey: "resolution.retry")])
    try await withEcho(at: depth, [echo { _, _ in throw sent }]) { client, _ in
      let error = await refusal { try await client.unary(EchoRequest()) }
      #expect(error == sent)
      #expect(error?.reason == "NO_EMAIL")
      #expect(error?.errorInfoMetadata == ["limit": "3"])
      #expect(error?.violations.first?.field == "contact_points[0].email")
      #expect(error?.resolutions.first?.rpc == "a.B/C")
    }
  }

  private enum Refusal: Error, RPCErrorConvertible {
    case taken
    var rpcError: RPCError { RPCError(.alreadyExists, reason: "TAKEN", "taken") }
  }

  private struct Secret: Error {
    let text = "password=hunter2"
  }

  @Test("an error says what it wants to say, and any other says nothing", arguments: Depth.allCases)
  func otherErrors(depth: Depth) async throws {
    let service = echo { request, _ in
      if request.n == 1 { throw Refusal.taken }
      throw Secret()
    }
    try await withEcho(at: depth, [service]) { client, _ in
      let taken = await refusal { try await client.unary(EchoRequest(n: 1)) }
      #expect(taken?.reason == "TAKEN")
      let hidden = await refusal { try await client.unary(EchoRequest()) }
      #expect(hidden == RPCError(.internalError, "internal error"))
    }
  }

  @Test("metadata goes there and back, repeated and binary", arguments: Depth.allCases)
  func metadata(depth: Depth) async throws {
    let service = echo { _, call in
      for text in call.metadata[string: "x-color"] { call.setTrailer(text, for: "x-color") }
      for bytes in call.metadata[binary: "x-raw-bin"] {
        call.setTrailer(binary: bytes, for: "x-raw-bin")
      }
      return EchoResponse()
    }
    try await withEcho(at: depth, [service]) { _, channel in
      var metadata = Metadata()
      metadata[string: "X-Color"] = ["red", "green"]
      metadata[binary: "x-raw-bin"] = [[0, 255, 10], [], [1]]
      let response = try await channel.unary(
        path: EchoMethods.unary.path, request: [], options: CallOptions(metadata: metadata))
      #expect(response.trailers[string: "x-color"] == ["red", "green"])
      #expect(response.trailers[binary: "x-raw-bin"] == [[0, 255, 10], [], [1]])
    }
  }

  @Test("a deadline ends the call and stops the handler", arguments: Depth.allCases)
  func deadline(depth: Depth) async throws {
    let gate = Gate()
    let service = echo { request, _ in
      if request.n != 0 { try await gate.pass() }
      return EchoResponse()
    }
    try await withEcho(at: depth, [service]) { client, _ in
      // The connection stands before the clock runs.
      _ = try await client.unary(EchoRequest(), options: CallOptions(timeout: .seconds(20)))
      let error = await refusal {
        try await client.unary(
          EchoRequest(n: 1), options: CallOptions(timeout: .milliseconds(100)))
      }
      #expect(error?.code == .deadlineExceeded)
      // On a slow machine the call may have expired before its handler began.
      #expect(await eventually { gate.cancelled == gate.arrived })
    }
  }

  @Test("the server keeps a deadline by itself")
  func serverDeadline() async throws {
    let gate = Gate()
    var settings = ServerSettings()
    settings.longestDeadline = .milliseconds(50)
    let service = echo { _, _ in
      try await gate.pass()
      return EchoResponse()
    }
    try await withServer([service], settings: settings) { server, channel, _ in
      let error = await refusal {
        try await EchoClient(channel).unary(
          EchoRequest(), options: CallOptions(timeout: .seconds(20)))
      }
      #expect(error?.code == .deadlineExceeded)
      #expect(gate.cancelled == 1)
      #expect(await eventually { server.callsInFlight == 0 })
    }
  }

  @Test("what is left of a deadline is handed on, less the way home")
  func onward() {
    let call = CallContext(method: EchoMethods.unary, deadline: .after(.seconds(1)))
    let options = call.onward()
    let left = options.deadline?.remaining ?? .zero
    #expect(left <= .milliseconds(980) && left > .milliseconds(500))
    #expect(options.leastRemaining > .zero)
  }

  @Test("a caller who gives up stops the handler and frees its place")
  func cancellation() async throws {
    let gate = Gate()
    let service = echo { _, _ in
      try await gate.pass()
      return EchoResponse()
    }
    try await withServer([service]) { server, channel, _ in
      let call = Task { try await EchoClient(channel).unary(EchoRequest()) }
      #expect(await eventually { gate.arrived == 1 })
      #expect(server.callsInFlight == 1)
      call.cancel()
      let error = await refusal { try await call.value }
      #expect(error?.code == .cancelled)
      #expect(await eventually { gate.cancelled == 1 && server.callsInFlight == 0 })
    }
  }

  @Test("a place is held until the handler has really ended")
  func heldPlace() async throws {
    let stubborn = Gate()
    let service = echo { _, _ in
      // Deaf to cancellation.
      await Task { try? await stubborn.pass() }.value
      return EchoResponse()
    }
    try await withServer([service]) { server, channel, _ in
      let call = Task { try await EchoClient(channel).unary(EchoRequest()) }
      #expect(await eventually { stubborn.arrived == 1 })
      call.cancel()
      let error = await refusal { try await call.value }
      #expect(error?.code == .cancelled)
      #expect(server.callsInFlight == 1)
      stubborn.open()
      #expect(await eventually { server.callsInFlight == 0 })
    }
  }

  @Test("a message of the largest size passes, one byte more does not", arguments: Depth.allCases)
  func messageLimit(depth: Depth) async throws {
    var settings = ServerSettings()
    settings.requestBytesMax = 1_000
    try await withEcho(at: depth, [echo()], settings: settings) { _, channel in
      let path = EchoMethods.unary.path
      let fits = EchoRequest(payload: [UInt8](repeating: 1, count: 997)).serialized()
      #expect(fits.count == 1_000)
      let answer = try await channel.unary(path: path, request: fits, options: CallOptions())
      #expect(answer.message.count == 1_000)
      let error = await refusal {
        try await channel.unary(path: path, request: fits + [0x10, 0x01], options: CallOptions())
      }
      #expect(error?.code == .resourceExhausted)
    }
  }

  @Test("what cannot be read, and what nobody serves, is said so", arguments: Depth.allCases)
  func badCalls(depth: Depth) async throws {
    try await withEcho(at: depth, [echo()]) { _, channel in
      let unreadable = await refusal {
        try await channel.unary(
          path: EchoMethods.unary.path, request: [0xff, 0xff], options: CallOptions())
      }
      #expect(unreadable?.code == .invalidArgument)
      #expect(unreadable?.reason == "MALFORMED_MESSAGE")
      let unknown = await refusal {
        try await channel.unary(path: "/bench.v1.Echo/Nope", request: [], options: CallOptions())
      }
      #expect(unknown?.code == .unimplemented)
    }
  }

  private struct Tag: ServerInterceptor {
    let name: String

    func intercept<Request, Response>(
      _ request: Request, in call: CallContext,
      next: @Sendable (Request, CallContext) async throws -> Response
    ) async throws -> Response {
      call.setTrailer(name, for: "x-order")
      if call.metadata.first("x-stop") == name { throw RPCError(.permissionDenied, "stopped") }
      return try await next(request, call)
    }

    func intercept(
      stream call: CallContext, next: @Sendable (CallContext) async throws -> Void
    ) async throws {
      call.setTrailer("\(name) begins", for: "x-order")
      defer { call.setTrailer("\(name) ends", for: "x-order") }
      if call.metadata.first("x-stop") == name { throw RPCError(.permissionDenied, "stopped") }
      try await next(call)
    }
  }

  @Test("interceptors run in order around the handler and may refuse", arguments: Depth.allCases)
  func interceptors(depth: Depth) async throws {
    try await withEcho(
      at: depth, [echo()], interceptors: [Tag(name: "outer"), Tag(name: "inner")]
    ) { client, channel in
      let response = try await channel.unary(
        path: EchoMethods.unary.path, request: [], options: CallOptions())
      #expect(response.trailers[string: "x-order"] == ["outer", "inner"])
      var metadata = Metadata()
      metadata.append("inner", for: "x-stop")
      let error = await refusal {
        try await client.unary(EchoRequest(), options: CallOptions(metadata: metadata))
      }
      #expect(error?.code == .permissionDenied)
    }
  }

  @Test("interceptors run around a stream from its start to its end", arguments: Depth.allCases)
  func streamInterceptors(depth: Depth) async throws {
    let seen = Mutex<[String]>([])
    let service = ServiceBinding(
      EchoMethods.service,
      [
        .stream(EchoMethods.unary) { _, _, call in
          seen.withLock { $0 = call.trailers[string: "x-order"] }
        }
      ])
    let log = Mutex<[String]>([])
    let tags = [Tag(name: "outer"), Tag(name: "inner")]
    let watch = Watch { trailers in log.withLock { $0 = trailers[string: "x-order"] } }
    try await withEcho(at: depth, [service], interceptors: [watch] + tags) { _, channel in
      let path = EchoMethods.unary.path
      let call = try await channel.stream(path: path, options: CallOptions())
      #expect(try await call.next() == nil)
      #expect(seen.withLock { $0 } == ["outer begins", "inner begins"])
      #expect(
        log.withLock { $0 } == ["outer begins", "inner begins", "inner ends", "outer ends"])
      var metadata = Metadata()
      metadata.append("inner", for: "x-stop")
      let error = await refusal {
        let call = try await channel.stream(path: path, options: CallOptions(metadata: metadata))
        return try await call.next()
      }
      #expect(error?.code == .permissionDenied)
    }
  }

  /// Tells what was set when the rest of the call had ended.
  private struct Watch: ServerInterceptor {
    let tell: @Sendable (Metadata) -> Void

    func intercept<Request, Response>(
      _ request: Request, in call: CallContext,
      next: @Sendable (Request, CallContext) async throws -> Response
    ) async throws -> Response {
      try await next(request, call)
    }

    func intercept(
      stream call: CallContext, next: @Sendable (CallContext) async throws -> Void
    ) async throws {
      defer { tell(call.trailers) }
      try await next(call)
    }
  }
}
