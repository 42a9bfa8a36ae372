import Foundation
import GRPC
import TestKit
import Testing

/// Whether the bytes go as they are.
enum Transport: CaseIterable, CustomTestStringConvertible {
  case cleartext, tls

  var testDescription: String { self == .tls ? "TLS" : "cleartext" }
}

/// What a client said of each case.
struct InteropReport {
  /// By case: empty when it went well, why not otherwise.
  private(set) var results: [String: String] = [:]
  /// Everything, for when a case is missing.
  let text: String

  init(_ lines: [String]) {
    text = lines.joined(separator: "\n")
    for line in lines {
      if line.hasPrefix("ok      ") {
        results[String(line.dropFirst(8))] = ""
      } else if line.hasPrefix("FAILED  ") {
        let told = line.dropFirst(8)
        results[String(told.prefix { $0 != ":" })] = String(told)
      }
    }
  }

  /// Nil when the case went well.
  func problem(_ name: String) -> String? {
    guard let result = results[name] else { return "\(name) is missing in:\n\(text)" }
    return result.isEmpty ? nil : result
  }
}

/// Clients against servers, each pair run once a transport; the test cases read what it said.
enum InteropRuns {
  private typealias Run = Task<InteropReport, any Error>

  private static let foreignClient = both(runForeignClient)
  private static let foreignServer = both(runForeignServer)
  private static let ourselves = both(runOurselves)

  /// A stock client against our server.
  static func foreignClient(_ transport: Transport) async throws -> InteropReport {
    try await report(foreignClient, transport)
  }

  /// Our client against a stock server.
  static func foreignServer(_ transport: Transport) async throws -> InteropReport {
    try await report(foreignServer, transport)
  }

  /// Our client against our server.
  static func ourselves(_ transport: Transport) async throws -> InteropReport {
    try await report(ourselves, transport)
  }

  private static func both(
    _ run: @escaping @Sendable (Transport) async throws -> InteropReport
  ) -> [Transport: Run] {
    Dictionary(
      uniqueKeysWithValues: Transport.allCases.map { transport in
        (transport, Task { try await run(transport) })
      })
  }

  private static func report(
    _ runs: [Transport: Run], _ transport: Transport
  ) async throws -> InteropReport {
    guard let run = runs[transport] else { throw Peer.Failure(description: "no such run") }
    return try await run.value
  }

  // MARK: The runs

  private static func runForeignClient(_ transport: Transport) async throws -> InteropReport {
    let descriptors = try await descriptors.value
    return try await withOurServer(transport) { address, authority in
      let client = Peer.script("interop_client.py")
      return InteropReport(
        try await Peer.run(
          client.program,
          client.arguments + ["--target", address, "--descriptors", descriptors]
            + (authority.map { ["--ca", $0] } ?? [])))
    }
  }

  private static func runForeignServer(_ transport: Transport) async throws -> InteropReport {
    let script = Peer.script("interop_server.py")
    var arguments = script.arguments + ["--descriptors", try await descriptors.value]
    var authority: String?
    if transport == .tls {
      let files = try await TestPKI.tls("identity")
      authority = files.authorityPath
      arguments += ["--cert", files.certificatePath ?? "", "--key", files.keyPath ?? ""]
    }
    let server = try await Peer.serve(script.program, arguments)
    defer { server.stop() }
    // How a request came, grpcio does not tell its handlers.
    return try await runOurClient(server.address, authority, ["--no-compression-probe"])
  }

  private static func runOurselves(_ transport: Transport) async throws -> InteropReport {
    try await withOurServer(transport) { try await runOurClient($0, $1, []) }
  }

  private static func withOurServer(
    _ transport: Transport,
    _ body: (_ address: String, _ authority: String?) async throws -> InteropReport
  ) async throws -> InteropReport {
    let server = try await Peer.serve(
      try Peer.program("interop-server"), transport == .tls ? ["--tls"] : [])
    defer { server.stop() }
    return try await body(server.address, server.word(after: "authority in"))
  }

  private static func runOurClient(
    _ address: String, _ authority: String?, _ more: [String]
  ) async throws -> InteropReport {
    let port = address.split(separator: ":").last.map(String.init) ?? ""
    let security = authority.map { ["--tls", "--ca", $0] } ?? []
    // A busy machine may take its time.
    let patience = [
      "--soak_per_iteration_max_acceptable_latency_ms=10000", "--soak_overall_timeout_seconds=100",
    ]
    return InteropReport(
      try await Peer.run(
        try Peer.program("interop-client"),
        ["--server_host=localhost", "--server_port=\(port)", "--test_case=all"] + security
          + patience + more))
  }

  /// The messages of grpc.testing as a descriptor set, for Python; made once a run.
  private static let descriptors = Task { () -> String in
    try FileManager.default.createDirectory(at: Peer.folder, withIntermediateDirectories: true)
    let path = Peer.folder.appending(path: "interop-\(UUID().uuidString).binpb").path
    let python = Peer.script("").program
    let said = try await Peer.run(
      python,
      [
        "-m", "grpc_tools.protoc", "-Iprotos", "--include_imports",
        "--descriptor_set_out=\(path)", "protos/grpc/testing/test.proto",
      ])
    guard FileManager.default.fileExists(atPath: path) else {
      throw Peer.Failure(description: "no descriptors: \(said)")
    }
    return path
  }
}
