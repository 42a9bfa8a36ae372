import Foundation
import TestKit
import Testing

/// The operator's program against a running stack.
@Suite(.serialized, .timeLimit(.minutes(5))) struct OperatorTests {
  private static let identity = "clientele.identity.v1.IdentityService"

  @Test("call, list, migrate --status and doctor answer, and say what is wrong by their exit code")
  func commands() async throws {
    try await withStack { stack in
      let address = stack.address(of: "identity")
      let certificate =
        ["--expect", "identity", "--ca", stack.directory.appending(path: "pki/ca.pem").path]
        + ["--cert", stack.directory.appending(path: "pki/operator.pem").path]
        + ["--key", stack.directory.appending(path: "pki/operator.key").path]
      try await Self.signIn(address, certificate)
      let list = try await Self.clientele(["list", address] + certificate)
      #expect(list.status == 0, "\(list.output)")
      for name in [Self.identity, "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"] {
        #expect(list.output.contains("\(name)\n"), "\(list.output)")
      }
      try await Self.migrations(stack)
      try await Self.secondRun(stack)
      try await Self.doctor(stack)
    }
  }

  private static func clientele(
    _ arguments: [String]
  ) async throws -> (status: Int32, output: String) {
    try await Program.run(try Stack.program("clientele").path, arguments)
  }

  /// An answer in JSON, a refusal with its gRPC code plus 64, a method that is not there.
  private static func signIn(_ address: String, _ certificate: [String]) async throws {
    func call(_ method: String, _ password: String) async throws -> (status: Int32, output: String)
    {
      let request = #"{"identifier": "admin@demo.example", "password": "\#(password)"}"#
      return try await clientele(
        ["call", address, "\(identity)/\(method)", "-d", request] + certificate)
    }
    let answer = try await call("SignIn", Practice.password)
    #expect(answer.status == 0, "\(answer.output)")
    let json = try #require(
      try JSONSerialization.jsonObject(with: Data(answer.output.utf8)) as? [String: Any])
    #expect(json["displayName"] as? String == "Henri Dubois")
    #expect((json["sessionToken"] as? String)?.hasPrefix("clientele_s_") == true)
    let refused = try await call("SignIn", "wrong")
    #expect(refused.status == 80, "UNAUTHENTICATED is 16: \(refused.output)")
    #expect(refused.output.contains("SIGN_IN_REFUSED"))
    let unknown = try await call("SignSideways", "wrong")
    #expect(unknown.status == 64, "\(unknown.output)")
    #expect(unknown.output.contains("has no method SignSideways"))
  }

  /// A second run in the same folder is refused, and leaves the processes of the first alone.
  private static func secondRun(_ stack: Stack) async throws {
    let pids = stack.directory.appending(path: "pids")
    func processes() throws -> [String: String] {
      let names = try FileManager.default.contentsOfDirectory(atPath: pids.path)
        .filter { $0.hasSuffix(".pid") }
      let ids = try names.map { try String(contentsOf: pids.appending(path: $0), encoding: .utf8) }
      return Dictionary(uniqueKeysWithValues: zip(names, ids))
    }
    let before = try processes()
    #expect(before.count == 9)
    let second = try await clientele(
      ["dev", "--directory", stack.directory.path] + stack.portOptions)
    #expect(second.status == 1, "\(second.output)")
    #expect(second.output.contains("is up already"), "\(second.output)")
    #expect(try processes() == before)
  }

  private static func migrations(_ stack: Stack) async throws {
    let host = try await Script.run(
      "scripts/postgres.sh", ["host", stack.directory.appending(path: "postgres").path])
    let superuser = "host=\(host.trimmingCharacters(in: .whitespacesAndNewlines)) user=postgres"
    let status = try await clientele(["migrate", "--status", "--superuser", superuser])
    #expect(status.status == 0, "\(status.output)")
    let services = Checkout.root.appending(path: "services")
    var files: [String] = []
    for service in ["identity", "organization", "client-directory", "messaging"] {
      let folder = services.appending(path: "\(service)/migrations").path
      files += try FileManager.default.contentsOfDirectory(atPath: folder)
        .filter { $0.hasSuffix(".sql") }.map { "applied  \(service)/\($0)" }
    }
    #expect(files.count >= 4)
    #expect(status.output.split(separator: "\n").map(String.init).sorted() == files.sorted())
  }

  private static func doctor(_ stack: Stack) async throws {
    let directory = ["doctor", "--directory", stack.directory.path]
    let healthy = try await clientele(directory + stack.portOptions)
    #expect(healthy.status == 0, "\(healthy.output)")
    #expect(healthy.output.contains("everything is well"))
    let nobodys = try FreePorts.take(2)
    // The later of two equal options counts.
    let sick = try await clientele(
      directory + stack.portOptions
        + ["--messaging-port", "\(nobodys[0])", "--gateway-port", "\(nobodys[1])"])
    #expect(sick.status == 1, "\(sick.output)")
    #expect(sick.output.contains("BAD   messaging at 127.0.0.1:\(nobodys[0])"))
    #expect(sick.output.contains("BAD   gateway at 127.0.0.1:\(nobodys[1])"))
    #expect(sick.output.contains("2 of 15 need attention"), "\(sick.output)")
  }
}
