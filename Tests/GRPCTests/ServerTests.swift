import BenchAPI
import CommonAPI
import Protobuf
import Testing

@testable import GRPC

@Suite struct ServerTests {
  @Test("more calls than the server allows at once wait their turn")
  func queue() async throws {
    let gate = Gate()
    gate.open()
    var settings = ServerSettings()
    settings.streamsMax = 2
    let service = echo { request, _ in
      try await gate.pass()
      return EchoResponse(n: request.n)
    }
    try await withServer([service], settings: settings) { _, channel, _ in
      let sum = try await withThrowingTaskGroup(of: Int32.self) { group in
        for n in 0..<100 {
          group.addTask { try await EchoClient(channel).unary(EchoRequest(n: Int32(n))).n }
        }
        return try await group.reduce(0, +)
      }
      #expect(sum == 4_950)
      #expect(gate.mostInside <= 2)
    }
  }

  @Test("a full server refuses at once, and still tells its health")
  func inFlightLimit() async throws {
    let gate = Gate()
    var settings = ServerSettings()
    settings.inFlightMax = 1
    settings.admission.queueMax = 0
    let service = echo { _, _ in
      try await gate.pass()
      return EchoResponse()
    }
    try await withServer([service], settings: settings) { server, channel, _ in
      let first = Task { try await EchoClient(channel).unary(EchoRequest()) }
      #expect(await eventually { gate.arrived == 1 })
      let second = await refusal { try await EchoClient(channel).unary(EchoRequest()) }
      #expect(second?.code == .resourceExhausted)
      #expect(second?.reason == "OVERLOADED")
      let health = try await HealthClient(channel).check(HealthCheckRequest())
      #expect(health.status == .serving)
      gate.open()
      _ = try await first.value
      #expect(await eventually { server.callsInFlight == 0 })
      _ = try await EchoClient(channel).unary(EchoRequest())
    }
  }

  @Test("inside the process a full server refuses one more, and counts it")
  func inFlightInProcess() async throws {
    let gate = Gate()
    var settings = ServerSettings()
    settings.inFlightMax = 2
    settings.defaultDeadline = .seconds(20)
    let service = echo { _, _ in
      try await gate.pass()
      return EchoResponse()
    }
    let channel = InProcessChannel(services: [service], settings: settings)
    let calls = (0..<2).map { _ in Task { try await EchoClient(channel).unary(EchoRequest()) } }
    #expect(await eventually { gate.arrived == 2 })
    #expect(channel.core.bounds[.inFlight] == 0)
    let error = await refusal { try await EchoClient(channel).unary(EchoRequest()) }
    #expect(error?.code == .resourceExhausted && error?.reason == "OVERLOADED")
    #expect(channel.core.bounds[.inFlight] == 1 && gate.arrived == 2)
    gate.open()
    for call in calls { _ = try await call.value }
    #expect(await eventually { channel.core.callsInFlight == 0 })
    _ = try await EchoClient(channel).unary(EchoRequest())
  }

  @Test("a drain finishes every call that was under way")
  func drain() async throws {
    let gate = Gate()
    let service = echo { request, _ in
      try await gate.pass()
      return EchoResponse(n: request.n)
    }
    let server = RPCServer(services: [service])
    let port = try await server.start(port: 0)
    let channel = try ClientChannel(host: "127.0.0.1", port: port)
    let calls = (0..<50).map { n in
      Task {
        try await EchoClient(channel).unary(
          EchoRequest(n: Int32(n)), options: CallOptions(timeout: .seconds(20))
        ).n
      }
    }
    #expect(await eventually { gate.arrived == 50 })
    let stop = Task { await server.shutdownGracefully(grace: .seconds(20)) }
    #expect(await eventually { server.health.isServing() == false })
    gate.open()
    for (n, call) in calls.enumerated() { #expect(try await call.value == Int32(n)) }
    // Whoever else asks for the stop waits for the same end.
    await server.shutdownGracefully()
    await stop.value
    await server.shutdownGracefully()
    #expect(server.connectionCount == 0)
    let late = await refusal {
      try await EchoClient(channel).unary(
        EchoRequest(), options: CallOptions(timeout: .milliseconds(200)))
    }
    #expect(late != nil)
    await channel.close()
  }

  @Test("calls made while servers are replaced one after the other all succeed")
  func rolling() async throws {
    let first = RPCServer(services: [echo()])
    let port = try await first.start(port: 0)
    let channel = try ClientChannel(host: "127.0.0.1", port: port)
    let load = Task {
      var done = 0
      while !Task.isCancelled {
        _ = try await EchoClient(channel).unary(
          EchoRequest(), options: CallOptions(timeout: .seconds(20)))
        done += 1
      }
      return done
    }
    var server = first
    for _ in 0..<3 {
      await server.shutdownGracefully()
      server = RPCServer(services: [echo()])
      try await start(server, atFormer: port)
      let next = server
      #expect(await eventually { next.connectionCount == 1 })
    }
    load.cancel()
    do {
      #expect(try await load.value > 0)
    } catch let error as RPCError {
      // The last call is cancelled with the loop; nothing else may fail.
      #expect(error.code == .cancelled)
    }
    await channel.close()
    await server.shutdownGracefully()
  }

  @Test("a channel that is let go of takes its connection with it")
  func forgottenChannel() async throws {
    try await withServer([echo()]) { server, _, port in
      do {
        let channel = try ClientChannel(host: "127.0.0.1", port: port)
        _ = try await EchoClient(channel).unary(EchoRequest())
        #expect(server.connectionCount == 1)
      }
      #expect(await eventually { server.connectionCount == 0 })
    }
  }

  @Test("answers that nobody takes are bounded: further calls of that peer are refused")
  func untakenAnswers() async throws {
    var settings = ServerSettings()
    settings.outboundBytesMax = 100_000
    let service = echo { _, _ in
      EchoResponse(payload: [UInt8](repeating: 1, count: 400_000))
    }
    try await withServer([service], settings: settings) { server, channel, port in
      let peer = try await RawPeer.connect(port: port)
      // Its windows are the 65,535 bytes that HTTP/2 begins with, and it opens them no further.
      peer.send(
        RawPeer.opening + RawPeer.request(stream: 1)
          + RawPeer.data(stream: 1, [0, 0, 0, 0, 0], end: true))
      #expect(await eventually { peer.heard(frame: 0, stream: 1) })
      peer.send(
        RawPeer.request(stream: 3) + RawPeer.data(stream: 3, [0, 0, 0, 0, 0], end: true))
      // The refusal is headers that end the stream.
      #expect(await eventually { peer.heard(frame: 1, stream: 3) })
      #expect(server.callsInFlight == 0)
      let answer = try await EchoClient(channel).unary(EchoRequest())
      #expect(answer.payload.count == 400_000)
      peer.close()
    }
  }

  @Test("health is told per service")
  func health() async throws {
    try await withServer([echo()]) { server, channel, _ in
      let client = HealthClient(channel)
      server.health.setServing(false, service: "bench.v1.Echo")
      let all = try await client.check(HealthCheckRequest())
      #expect(all.status == .serving)
      let one = try await client.check(HealthCheckRequest(service: "bench.v1.Echo"))
      #expect(one.status == .notServing)
      let unknown = await refusal {
        try await client.check(HealthCheckRequest(service: "nobody"))
      }
      #expect(unknown?.code == .notFound)
    }
  }

  @Test(
    "reflection answers by list, symbol and file", arguments: Depth.allCases, ["v1", "v1alpha"])
  func reflection(depth: Depth, version: String) async throws {
    try await withEcho(at: depth, [echo()]) { _, channel in
      let stream = try await channel.stream(
        path: "/grpc.reflection.\(version).ServerReflection/ServerReflectionInfo",
        options: CallOptions())
      func ask(
        _ question: ServerReflectionRequest.MessageRequest
      ) async throws -> ServerReflectionResponse.MessageResponse? {
        try await Self.ask(question, on: stream)
      }
      guard case .listServicesResponse(let list)? = try await ask(.listServices("")) else {
        return #expect(Bool(false), "no list")
      }
      #expect(list.service.map(\.name).contains("bench.v1.Echo"))
      for question in [
        ServerReflectionRequest.MessageRequest.fileContainingSymbol("bench.v1.Echo.Unary"),
        .fileContainingSymbol("bench.v1.EchoRequest"), .fileByFilename("bench/v1/bench.proto"),
      ] {
        guard case .fileDescriptorResponse(let files)? = try await ask(question) else {
          #expect(Bool(false), "no file for \(question)")
          continue
        }
        #expect(!files.fileDescriptorProto.isEmpty)
      }
      guard case .errorResponse(let error)? = try await ask(.fileContainingSymbol("no.Such"))
      else { return #expect(Bool(false), "no error") }
      #expect(error.errorCode == 5)
      await stream.finish()
      #expect(try await stream.next() == nil)
    }
  }

  private static func ask(
    _ question: ServerReflectionRequest.MessageRequest, on stream: RPCStream
  ) async throws -> ServerReflectionResponse.MessageResponse? {
    try await stream.send(ServerReflectionRequest(messageRequest: question).serialized())
    let answer = try #require(try await stream.next())
    return try ServerReflectionResponse(serialized: answer.bytes).messageResponse
  }

  @Test("reflection knows the extensions of a type, and where each is declared")
  func extensions() async throws {
    let type = "google.protobuf.MethodOptions"
    let access: Int32 = 51001
    try await withEcho(at: .wire, [echo()]) { _, channel in
      let stream = try await channel.stream(
        path: ServerReflectionMethods.serverReflectionInfo.path, options: CallOptions())
      let numbers = try await Self.ask(.allExtensionNumbersOfType(type), on: stream)
      guard case .allExtensionNumbersResponse(let known)? = numbers else {
        return #expect(Bool(false), "no numbers")
      }
      #expect(known.baseTypeName == type && known.extensionNumber.contains(access))
      let wanted = ExtensionRequest(containingType: type, extensionNumber: access)
      let found = try await Self.ask(.fileContainingExtension(wanted), on: stream)
      guard case .fileDescriptorResponse(let files)? = found else {
        return #expect(Bool(false), "no file")
      }
      let declaring = FileOutline.files(ofSet: EchoMethods.service.fileDescriptors)
        .first { $0.name == "clientele/common/v1/access.proto" }
      #expect(try files.fileDescriptorProto.first == #require(declaring).bytes)
      for question in [
        ServerReflectionRequest.MessageRequest.allExtensionNumbersOfType("no.Such"),
        .fileContainingExtension(ExtensionRequest(containingType: type, extensionNumber: 1)),
        .fileContainingExtension(
          ExtensionRequest(containingType: "no.Such", extensionNumber: access)),
      ] {
        guard case .errorResponse(let error)? = try await Self.ask(question, on: stream) else {
          #expect(Bool(false), "no error for \(question)")
          continue
        }
        #expect(error.errorCode == 5)
      }
      guard
        case .allExtensionNumbersResponse(let none)? =
          try await Self.ask(.allExtensionNumbersOfType(EchoRequest.fullName), on: stream)
      else { return #expect(Bool(false), "no numbers of a type without extensions") }
      #expect(none.extensionNumber.isEmpty)
      await stream.finish()
    }
  }

  private static let chatMethod = MethodDescriptor(
    service: "test.v1.Chat", name: "Talk", clientStreaming: true, serverStreaming: true,
    access: AccessRule(), requestType: EchoRequest.self, responseType: EchoResponse.self)

  private static func chat(
    _ body: @escaping @Sendable (RequestMessages, ResponseWriter, CallContext) async throws -> Void
  ) -> ServiceBinding {
    ServiceBinding(
      ServiceDescriptor(fullName: "test.v1.Chat", methods: [chatMethod], fileDescriptors: []),
      [.stream(chatMethod, body)])
  }

  @Test("streams carry more than any window, both ways", arguments: Depth.allCases)
  func streams(depth: Depth) async throws {
    let service = Self.chat { requests, answers, _ in
      while let message = try await requests.next() { try await answers.write(message.bytes) }
    }
    try await withEcho(at: depth, [service]) { _, channel in
      let stream = try await channel.stream(path: Self.chatMethod.path, options: CallOptions())
      async let sent: Void = {
        for n in 0..<100 {
          try await stream.send([UInt8](repeating: UInt8(n), count: 50_000))
        }
        await stream.finish()
      }()
      var received = 0
      while let message = try await stream.next() {
        #expect(message.bytes.count == 50_000 && message.bytes.first == UInt8(received))
        received += 1
      }
      try await sent
      #expect(received == 100)
    }
  }

  @Test("a writer waits for a caller who does not read, and stops when that one leaves")
  func backpressure() async throws {
    let gate = Gate()
    let written = Gate()
    written.open()
    let service = Self.chat { _, answers, _ in
      for _ in 0..<1_000 {
        try await answers.write([UInt8](repeating: 1, count: 100_000))
        try await written.pass()
      }
      try await gate.pass()
    }
    try await withServer([service]) { server, channel, _ in
      let stream = try await channel.stream(path: Self.chatMethod.path, options: CallOptions())
      _ = try await stream.next()
      // Window, outbound room and a few messages besides; far from the thousand.
      #expect(written.arrived < 50)
      stream.cancel()
      #expect(await eventually { server.callsInFlight == 0 })
      #expect(written.arrived < 50)
    }
  }

  @Test("a stream that fails says why after what it said before", arguments: Depth.allCases)
  func failingStream(depth: Depth) async throws {
    let service = Self.chat { _, answers, _ in
      try await answers.write([7])
      throw RPCError(.aborted, reason: "LATER", "later")
    }
    try await withEcho(at: depth, [service]) { _, channel in
      let stream = try await channel.stream(path: Self.chatMethod.path, options: CallOptions())
      #expect(try await stream.next()?.bytes == [7])
      let error = await refusal { while try await stream.next() != nil {} }
      #expect(error?.reason == "LATER")
    }
  }
}
