import Foundation
import Testing

/// What the generator refuses, and what it makes of streams, tried through protoc.
@Suite("The generator refuses what must not be")
struct GeneratorTests {
  private static let root = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()
  private static let package = "tools/protoc-gen-clientele"

  private static func run(_ arguments: [String]) throws -> (status: Int32, output: String) {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = arguments
    process.currentDirectoryURL = root
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let output = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: output, as: UTF8.self))
  }

  /// Builds the plugin, once; it is a package of its own with a build folder of its own.
  private static let built = Result {
    try run([
      "swift", "build", "--quiet", "--package-path", package, "--product", "protoc-gen-clientele",
    ])
  }

  /// Runs the generator over a proto. Returns what it said, and the Swift of the service.
  private func generate(
    _ body: String
  ) throws -> (status: Int32, output: String, service: String) {
    let built = try Self.built.get()
    #expect(built.status == 0, "\(built.output)")
    let folder = FileManager.default.temporaryDirectory
      .appending(path: "clientele-generator-\(UUID().uuidString)")
    let protos = folder.appending(path: "clientele/trial/v1")
    try FileManager.default.createDirectory(at: protos, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let text = """
      syntax = "proto3";
      package clientele.trial.v1;
      import "clientele/common/v1/access.proto";
      import "google/protobuf/empty.proto";
      \(body)
      """
    try Data(text.utf8).write(to: protos.appending(path: "trial.proto"))
    let result = try Self.run([
      "protoc", "-I\(folder.path)", "-Iprotos",
      "-I" + (ProcessInfo.processInfo.environment["CLIENTELE_PROTO_INCLUDE"] ?? "/usr/include"),
      "--plugin=protoc-gen-clientele=\(Self.package)/.build/debug/protoc-gen-clientele",
      "--clientele_out=\(folder.path)",
      "clientele/trial/v1/trial.proto",
    ])
    let service = try? Data(
      contentsOf: folder.appending(path: "Sources/TrialAPI/Generated/TrialService.swift"))
    return (result.status, result.output, String(decoding: service ?? Data(), as: UTF8.self))
  }

  private let method = "rpc Get(google.protobuf.Empty) returns (google.protobuf.Empty)"

  @Test func aMethodWithItsAccessRuleIsTaken() throws {
    let result = try generate(
      """
      service TrialService { \(method) { option (clientele.common.v1.access) = {
        callers: "gateway" subject: SUBJECT_NOBODY effect: EFFECT_READ }; } }
      """)
    #expect(result.status == 0, "\(result.output)")
  }

  @Test func aMethodWithoutAccessIsRefused() throws {
    let result = try generate("service TrialService { \(method); }")
    #expect(result.status != 0)
    #expect(result.output.contains("clientele.trial.v1.TrialService.Get"))
    #expect(result.output.contains("access) is missing"))
  }

  @Test func anAccessRuleWithoutSubjectOrEffectIsRefused() throws {
    let noSubject = try generate(
      "service TrialService { \(method) { option (clientele.common.v1.access).effect = EFFECT_READ; } }"
    )
    #expect(noSubject.status != 0 && noSubject.output.contains("no subject"))
    let noEffect = try generate(
      """
      service TrialService {
        \(method) { option (clientele.common.v1.access).subject = SUBJECT_STAFF; }
      }
      """)
    #expect(noEffect.status != 0 && noEffect.output.contains("no effect"))
  }

  @Test func whatARuleSaysOfItsCriticalityIsInTheDescriptor() throws {
    func rule(_ criticality: String) -> String {
      """
      service TrialService { \(method) { option (clientele.common.v1.access) = {
        callers: "gateway" subject: SUBJECT_NOBODY effect: EFFECT_READ criticality: \(criticality)
      }; } }
      """
    }
    let plus = try generate(rule("CRITICALITY_CRITICAL_PLUS"))
    #expect(plus.status == 0 && plus.service.contains("effect: .read, criticality: .criticalPlus)"))
    let sheddable = try generate(rule("CRITICALITY_SHEDDABLE"))
    #expect(sheddable.service.contains("effect: .read, criticality: .sheddable)"))
    let unsaid = try generate(rule("CRITICALITY_UNSPECIFIED"))
    #expect(unsaid.service.contains("effect: .read)"))
  }

  @Test func everyKindOfStreamIsDeclaredBoundAndCalled() throws {
    let rule = """
      { option (clientele.common.v1.access) = {
        callers: "gateway" subject: SUBJECT_NOBODY effect: EFFECT_READ }; }
      """
    let empty = "google.protobuf.Empty"
    let result = try generate(
      """
      service TrialService {
        rpc Down(\(empty)) returns (stream \(empty)) \(rule)
        rpc Up(stream \(empty)) returns (\(empty)) \(rule)
        rpc Both(stream \(empty)) returns (stream \(empty)) \(rule)
      }
      """)
    #expect(result.status == 0, "\(result.output)")
    let type = "CommonAPI.Empty"
    let wanted = [
      """
        func down(
          _ request: \(type),
          to responses: MessageWriter<\(type)>, in call: CallContext
        ) async throws
      """,
      """
        func up(
          _ requests: MessageStream<\(type)>, in call: CallContext
        ) async throws -> \(type)
      """,
      """
        func both(
          _ requests: MessageStream<\(type)>,
          to responses: MessageWriter<\(type)>, in call: CallContext
        ) async throws
      """,
      """
            .serverStreaming(TrialServiceMethods.down) {
              (request: \(type), responses, call) in
              try await service.down(request, to: responses, in: call)
            },
      """,
      """
            .clientStreaming(TrialServiceMethods.up) {
              (requests: MessageStream<\(type)>, call) in
              try await service.up(requests, in: call)
            },
      """,
      """
            .bidirectional(TrialServiceMethods.both) {
              (requests: MessageStream<\(type)>, responses, call) in
              try await service.both(requests, to: responses, in: call)
            },
      """,
      """
        public func down(
          _ request: \(type), options: CallOptions = .init()
        ) async throws -> ResponseStream<\(type)> {
          try await channel.serverStreaming(TrialServiceMethods.down, request, options: options)
        }
      """,
      """
        public func up(
          options: CallOptions = .init()
        ) async throws -> StreamingCall<\(type), \(type)> {
          try await channel.streaming(TrialServiceMethods.up, options: options)
        }
      """,
    ]
    for part in wanted { #expect(result.service.contains(part), "\(part)\n\(result.service)") }
  }

  @Test func recursiveMessagesAreRefused() throws {
    let direct = try generate("message Tree { repeated Tree branches = 1; }")
    #expect(direct.status != 0 && direct.output.contains("recursive"))
    let roundabout = try generate(
      """
      message One { Two two = 1; }
      message Two { map<string, Three> three = 1; }
      message Three { oneof way { One one = 1; } }
      """)
    #expect(roundabout.status != 0 && roundabout.output.contains("recursive"))
  }

  @Test func namesThatSwiftOrCCannotTellApartAreRefused() throws {
    #expect(try generate("message Trial { string base = 1; }").status != 0)
    #expect(try generate("message String { string text = 1; }").status != 0)
  }
}
