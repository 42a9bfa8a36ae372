import BenchAPI
import CommonAPI
import Protobuf
import ReflectionClient
import Synchronization
import TestProtosAPI
import Testing

@testable import GRPC
@testable import LoadTest

@Suite("Reflection of servers other than ours")
struct ReflectionTests {
  private typealias Answer = ServerReflectionResponse.MessageResponse

  private static func files(
    _ request: ServerReflectionRequest.MessageRequest?, of files: [FileOutline]
  ) -> Answer {
    let found =
      switch request {
      case .fileContainingSymbol(let symbol): files.first { $0.symbols.contains(symbol) }
      case .fileByFilename(let name): files.first { $0.name == name }
      default: nil as FileOutline?
      }
    guard let found else { return .errorResponse(ErrorResponse(errorMessage: "no such thing")) }
    return .fileDescriptorResponse(FileDescriptorResponse(fileDescriptorProto: [found.bytes]))
  }

  /// A server whose only reflection is v1alpha, answered as told.
  private func withServer(
    answer: @escaping @Sendable (ServerReflectionRequest.MessageRequest?) -> Answer,
    run: (Int) async throws -> Void
  ) async throws {
    var settings = ServerSettings.unhurried
    settings.servesReflection = false
    let reflection = MethodHandler.stream(V1AlphaServerReflectionMethods.serverReflectionInfo) {
      requests, answers, _ in
      while let message = try await requests.next() {
        let request = try ServerReflectionRequest(serialized: message.bytes)
        try await answers.write(
          ServerReflectionResponse(messageResponse: answer(request.messageRequest)).serialized())
      }
    }
    let server = RPCServer(
      services: [
        ServiceBinding(
          EchoMethods.service,
          [
            .unary(EchoMethods.unary) { (request: EchoRequest, _) in
              EchoResponse(payload: request.payload, n: request.n)
            }
          ]),
        ServiceBinding(V1AlphaServerReflectionMethods.service, [reflection]),
      ], settings: settings)
    let port = try await server.start(port: 0)
    do {
      try await run(port)
      await server.shutdownGracefully(grace: .seconds(1))
    } catch {
      await server.shutdownGracefully(grace: .zero)
      throw error
    }
  }

  private func pool(_ symbol: String, _ port: Int) async throws -> DescriptorPool {
    let channel = try ClientChannel(host: "127.0.0.1", port: port)
    do {
      let pool = try await Reflection(channel: channel).pool(containing: symbol)
      await channel.close()
      return pool
    } catch {
      await channel.close()
      throw error
    }
  }

  @Test("a load on a server with nothing but v1alpha")
  func alpha() async throws {
    let files = FileOutline.files(ofSet: EchoMethods.service.fileDescriptors)
    try await withServer {
      Self.files($0, of: files)
    } run: { port in
      let scenario: JSONValue = [
        "targets": ["echo": ["address": .string("127.0.0.1:\(port)"), "plaintext": true]],
        "calls": [["method": "bench.v1.Echo/Unary", "request": ["n": 1]]],
        "load": ["rate": 100, "duration": "500ms", "warmup": "0s", "deadline": "20s"],
      ]
      let result = try await LoadRun(ScenarioReader.read(scenario, name: "alpha")).run()
      #expect(result.total.intended == 50 && result.total.good == 50)
    }
  }

  @Test("each file that was not sent along is asked for, once")
  func dependencies() async throws {
    let files = FileOutline.files(ofSet: TestProtosFiles.descriptorSet)
    let asked = Mutex<[String]>([])
    try await withServer { request in
      if case .fileByFilename(let name)? = request { asked.withLock { $0.append(name) } }
      return Self.files(request, of: files)
    } run: { port in
      let pool = try await pool(Everything.fullName, port)
      let all = try DescriptorPool(fileDescriptorSet: TestProtosFiles.descriptorSet)
      #expect(pool.missingFiles.isEmpty && Set(pool.messageNames).isSubset(of: all.messageNames))
      #expect(pool.messageNames.contains("google.protobuf.Timestamp"))
    }
    let names = asked.withLock { $0 }
    #expect(names.count > 3 && Set(names).count == names.count, "\(names)")
  }

  @Test("a file that a server does not have leaves its own types unknown, and no others")
  func missing() async throws {
    let gone = "google/protobuf/timestamp.proto"
    let files = FileOutline.files(ofSet: TestProtosFiles.descriptorSet).filter { $0.name != gone }
    try await withServer {
      Self.files($0, of: files)
    } run: { port in
      let pool = try await pool(Everything.fullName, port)
      #expect(pool.missingFiles == [gone])
      func read(_ json: JSONValue) throws -> DynamicMessage {
        try DynamicMessage(json: json, as: Everything.fullName, in: pool)
      }
      #expect(try read(["duration": "1s"]).json == ["duration": "1s"])
      let error = #expect(throws: JSONMappingError.self) {
        try read(["timestamp": "2026-01-31T10:00:00Z"])
      }
      #expect(error?.reason == "is of the unknown type google.protobuf.Timestamp")
    }
  }

  @Test("files that need ever more files come to an end")
  func endless() async throws {
    let asked = Atomic<Int>(0)
    try await withServer { _ in
      // A file of a name (1) that imports the next (3).
      let count = asked.add(1, ordering: .relaxed).newValue
      let names = [(1, "\(count).proto"), (3, "\(count + 1).proto")]
      let file = names.flatMap { number, name in
        [UInt8(number << 3 | 2), UInt8(name.utf8.count)] + Array(name.utf8)
      }
      return .fileDescriptorResponse(FileDescriptorResponse(fileDescriptorProto: [file]))
    } run: { port in
      let error = await #expect(throws: Reflection.Refused.self) {
        try await pool("endless.v1.Chain", port)
      }
      #expect(error?.description.contains("1000 files") == true)
    }
    #expect(asked.load(ordering: .relaxed) == 1001)
  }

  @Test("what a server of either version does not know is told in its words")
  func refused() async throws {
    try await withServer {
      Self.files($0, of: [])
    } run: { port in
      let error = await #expect(throws: Reflection.Refused.self) {
        try await pool("no.Such", port)
      }
      #expect(error?.description == "no such thing")
    }
  }
}
