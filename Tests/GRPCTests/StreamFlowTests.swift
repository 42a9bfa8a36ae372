import BenchAPI
import Protobuf
import TestKit
import Testing

@testable import GRPC

/// Bounds and ends of streams: a slow reader stops its writer, and who gives up stops both.
@Suite("The flow of streams")
struct StreamFlowTests {
  private static let patience = CallOptions(timeout: .seconds(60).patient)
  private static let payload = [UInt8](repeating: 1, count: 16 << 10)
  private static let count = 1_000
  /// Far above what a window, its half and a writer's own buffer hold together, in messages; far
  /// below `count`.
  private static let waitingMax = (1 << 20) / (16 << 10)

  @Test("a caller who reads slowly stops the handler, and lets it go on", arguments: Depth.allCases)
  func slowCaller(depth: Depth) async throws {
    let written = Counter()
    var service = StreamEcho()
    service.server = { request, answers, _ in
      for n in 0..<request.count {
        try await answers.write(EchoResponse(payload: Self.payload, n: Int32(n)))
        written.add()
      }
    }
    try await withEcho(at: depth, [.echo(service)]) { client, _ in
      let answers = try await client.serverStream(
        EchoStreamRequest(count: UInt32(Self.count)), options: Self.patience)
      #expect(try await answers.next()?.n == 0)
      let before = try #require(await written.standstill(above: 0))
      #expect(before <= Self.waitingMax)
      // It goes on with what the reader takes, and stops again.
      for _ in 0..<before { _ = try await answers.next() }
      let after = try #require(await written.standstill(above: before))
      #expect(after <= before + 1 + Self.waitingMax)
      var left = 0
      while try await answers.next() != nil { left += 1 }
      #expect(left == Self.count - before - 1)
      #expect(written.value == Self.count)
    }
  }

  @Test("a handler that reads slowly stops its caller until it goes on", arguments: Depth.allCases)
  func slowHandler(depth: Depth) async throws {
    let gate = Gate()
    let written = Counter()
    var service = StreamEcho()
    service.client = { requests, _ in
      _ = try await requests.next()
      try await gate.pass()
      var rest: Int32 = 0
      for try await _ in requests { rest += 1 }
      return EchoResponse(n: rest)
    }
    try await withEcho(at: depth, [.echo(service)]) { client, _ in
      let call = try await client.clientStream(options: Self.patience)
      let writer = Task {
        for n in 0..<Self.count {
          try await call.requests.write(EchoRequest(payload: Self.payload, n: Int32(n)))
          written.add()
        }
        await call.requests.finish()
      }
      let stuck = try #require(await written.standstill(above: 0))
      #expect(stuck <= Self.waitingMax)
      gate.open()
      try await writer.value
      #expect(try await call.response().n == Int32(Self.count - 1))
    }
  }

  @Test("empty messages fill a window too", arguments: Depth.allCases)
  func emptyMessages(depth: Depth) async throws {
    let gate = Gate()
    let written = Counter()
    let count = 60_000
    var settings = ServerSettings()
    settings.streamWindow = 64 << 10
    var service = StreamEcho()
    service.client = { requests, _ in
      try await gate.pass()
      var sum: Int32 = 0
      for try await _ in requests { sum += 1 }
      return EchoResponse(n: sum)
    }
    try await withEcho(at: depth, [.echo(service)], settings: settings) { client, _ in
      let call = try await client.clientStream(options: Self.patience)
      let writer = Task {
        for _ in 0..<count {
          try await call.requests.write(EchoRequest())
          written.add()
        }
        await call.requests.finish()
      }
      let stuck = try #require(await written.standstill(above: 0))
      #expect(stuck < count)
      gate.open()
      try await writer.value
      #expect(try await call.response().n == Int32(count))
    }
  }

  @Test("leaving a loop over the answers stops the handler", arguments: Depth.allCases)
  func leaving(depth: Depth) async throws {
    let gate = Gate()
    var service = StreamEcho()
    service.server = { _, answers, _ in
      try await answers.write(EchoResponse())
      try await gate.pass()
    }
    try await withEcho(at: depth, [.echo(service)]) { client, _ in
      for try await _ in try await client.serverStream(
        EchoStreamRequest(), options: Self.patience)
      {
        break
      }
      #expect(await eventually { gate.cancelled == 1 })
    }
  }

  @Test("a call that nobody refers to any more is given up", arguments: Depth.allCases)
  func dropping(depth: Depth) async throws {
    let gate = Gate()
    var service = StreamEcho()
    service.both = { _, _, _ in try await gate.pass() }
    try await withEcho(at: depth, [.echo(service)]) { client, _ in
      do {
        let call = try await client.bothStream(options: Self.patience)
        try await call.requests.write(EchoRequest())
        #expect(await eventually { gate.arrived == 1 })
      }
      #expect(await eventually { gate.cancelled == 1 })
    }
  }

  @Test("a reader whose task is cancelled stops the handler", arguments: Depth.allCases)
  func cancelledReader(depth: Depth) async throws {
    let gate = Gate()
    var service = StreamEcho()
    service.both = { _, _, _ in try await gate.pass() }
    try await withEcho(at: depth, [.echo(service)]) { client, _ in
      let call = try await client.bothStream(options: Self.patience)
      let reader = Task { try await call.responses.next() }
      #expect(await eventually { gate.arrived == 1 })
      reader.cancel()
      let error = await refusal { try await reader.value }
      #expect(error?.code == .cancelled)
      #expect(await eventually { gate.cancelled == 1 })
      // Whoever else waits is told.
      let later = await refusal { try await call.responses.next() }
      #expect(later?.code == .cancelled)
    }
  }

  @Test("a writer whose task is cancelled while it waits stops the call", arguments: Depth.allCases)
  func cancelledWriter(depth: Depth) async throws {
    let gate = Gate()
    let written = Counter()
    var service = StreamEcho()
    service.client = { _, _ in
      try await gate.pass()
      return EchoResponse()
    }
    try await withEcho(at: depth, [.echo(service)]) { client, _ in
      let call = try await client.clientStream(options: Self.patience)
      let writer = Task {
        while true {
          try await call.requests.write(EchoRequest(payload: Self.payload))
          written.add()
        }
      }
      _ = try #require(await written.standstill(above: 0))
      writer.cancel()
      let error = await refusal { try await writer.value }
      #expect(error?.code == .cancelled)
      #expect(await eventually { gate.cancelled == 1 })
    }
  }

  @Test("the handler of a call that was given up cannot write, and its place comes free")
  func abandoned() async throws {
    let gate = Gate()
    let refused = Counter()
    var service = StreamEcho()
    service.server = { _, answers, _ in
      try await answers.write(EchoResponse())
      try? await gate.pass()
      do {
        try await answers.write(EchoResponse())
      } catch let error as RPCError where error.code == .cancelled {
        refused.add()
      }
    }
    try await withServer([.echo(service)]) { server, channel, _ in
      let answers = try await EchoClient(channel).serverStream(
        EchoStreamRequest(), options: Self.patience)
      _ = try await answers.next()
      #expect(await eventually { gate.arrived == 1 })
      #expect(server.callsInFlight == 1)
      answers.cancel()
      let error = await refusal { try await answers.next() }
      #expect(error?.code == .cancelled)
      #expect(await eventually { refused.value == 1 && server.callsInFlight == 0 })
    }
  }

  @Test("several tasks of a handler may write: each message comes whole", arguments: Depth.allCases)
  func severalAnswerWriters(depth: Depth) async throws {
    let written = Counter()
    var service = StreamEcho()
    service.server = { _, answers, _ in
      try await Self.writeFromTwoTasks(written) { payload, n in
        try await answers.write(EchoResponse(payload: payload, n: n))
      }
    }
    try await withEcho(at: depth, [.echo(service)]) { client, _ in
      let answers = try await client.serverStream(EchoStreamRequest(), options: Self.patience)
      _ = try #require(await written.standstill(above: 0))
      var arrived = Arrived()
      for try await answer in answers { arrived.add(answer.payload, answer.n) }
      #expect(arrived.isWhole)
    }
  }

  @Test("several tasks of a caller may write: each message comes whole", arguments: Depth.allCases)
  func severalRequestWriters(depth: Depth) async throws {
    let gate = Gate()
    let written = Counter()
    var service = StreamEcho()
    service.client = { requests, _ in
      try await gate.pass()
      var arrived = Arrived()
      for try await request in requests { arrived.add(request.payload, request.n) }
      return EchoResponse(n: arrived.isWhole ? 1 : 0)
    }
    try await withEcho(at: depth, [.echo(service)]) { client, _ in
      let call = try await client.clientStream(options: Self.patience)
      async let writing: Void = Self.writeFromTwoTasks(written) { payload, n in
        try await call.requests.write(EchoRequest(payload: payload, n: n))
      }
      _ = try #require(await written.standstill(above: 0))
      gate.open()
      try await writing
      await call.requests.finish()
      #expect(try await call.response().n == 1)
    }
  }

  @Test("a task that gives up its turn to write leaves its message unsent, and the call whole")
  func writerLeaves() async throws {
    let written = Counter()
    let left = Counter()
    var service = StreamEcho()
    service.server = { _, answers, _ in
      let impatient = Task {
        while true {
          try await answers.write(EchoResponse(payload: Self.payload))
          written.add()
        }
      }
      _ = try #require(await written.standstill(above: 0))
      impatient.cancel()
      let error = await refusal { try await impatient.value }
      #expect(error?.code == .cancelled)
      left.add()
      try await answers.write(EchoResponse(n: 1))
    }
    try await withEcho(at: .wire, [.echo(service)]) { client, _ in
      let answers = try await client.serverStream(EchoStreamRequest(), options: Self.patience)
      #expect(await eventually { left.value == 1 })
      var tags: [Int32] = []
      for try await answer in answers { tags.append(answer.n) }
      #expect(tags.last == 1)
      #expect(tags.count == written.value + 1)
    }
  }

  private static func writeFromTwoTasks(
    _ written: Counter, _ write: @escaping @Sendable ([UInt8], Int32) async throws -> Void
  ) async throws {
    try await withThrowingTaskGroup { group in
      for task in Arrived.tasks {
        group.addTask {
          for n in 0..<Arrived.countOfEach {
            try await write(Arrived.payload(of: task), n)
            written.add()
          }
        }
      }
      try await group.waitForAll()
    }
  }
}

/// The messages of two tasks, told apart by what they are filled with.
private struct Arrived {
  static let tasks: [UInt8] = [0, 1]
  static let countOfEach: Int32 = 100
  private var numbers: [[Int32]] = [[], []]
  private var areFilledWell = true

  static func payload(of task: UInt8) -> [UInt8] { [UInt8](repeating: task, count: 16 << 10) }

  mutating func add(_ payload: [UInt8], _ n: Int32) {
    guard let task = payload.first, payload == Self.payload(of: task) else {
      return areFilledWell = false
    }
    numbers[Int(task)].append(n)
  }

  /// All have come, as they were written, those of each task in their order.
  var isWhole: Bool {
    areFilledWell && numbers.allSatisfy { $0 == Array(0..<Self.countOfEach) }
  }
}
