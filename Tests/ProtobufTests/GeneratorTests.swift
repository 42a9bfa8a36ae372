import Foundation
import Testing

/// What the generator refuses, tried through protoc.
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

  /// Runs the generator over a proto.
  private func generate(_ body: String) throws -> (status: Int32, output: String) {
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
    return try Self.run([
      "protoc", "-I\(folder.path)", "-Iprotos",
      "-I" + (ProcessInfo.processInfo.environment["CLIENTELE_PROTO_INCLUDE"] ?? "/usr/include"),
      "--plugin=protoc-gen-clientele=\(Self.package)/.build/debug/protoc-gen-clientele",
      "--clientele_out=\(folder.path)",
      "clientele/trial/v1/trial.proto",
    ])
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
