import ArgumentParser
import CommonAPI
import Foundation
import GRPC
import Protobuf
import ReflectionClient

/// `clientele list`: what a server offers.
struct ListCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "Lists the services of a server, or the methods of one.")

  @Argument(help: "host:port of a service.")
  var address: String

  @Argument(help: "Full name of a service, such as clientele.identity.v1.IdentityService.")
  var service: String?

  @OptionGroup var certificate: CertificateOptions

  func run() async throws {
    let channel = try certificate.channel(to: address)
    do {
      try await CallCommand.list(Reflection(channel: channel), service)
      await channel.close()
    } catch {
      await channel.close()
      throw CallCommand.told(error)
    }
  }
}

/// `clientele call`: calls any unary method with a request in JSON, knowing of the server only what
/// reflection tells.
struct CallCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "call",
    abstract: "Calls a method of a server, by what server reflection tells.",
    discussion: """
      clientele call 127.0.0.1:50051
      clientele call 127.0.0.1:50051 clientele.identity.v1.IdentityService/SignIn \\
        -d '{"identifier": "admin@demo.example", "password": "clientele-demo-password"}'
      """)

  @Argument(help: "host:port of a service.")
  var address: String

  @Argument(help: "Service and method, such as pkg.Service/Method; left out, both are listed.")
  var method: String?

  @Option(
    name: [.short, .customLong("data")],
    help: "The request in JSON, @FILE, or - for standard input.")
  var data = "{}"

  @Option(
    name: [.customShort("H"), .long],
    help: "Metadata as 'name: value'; a value under a name in -bin is base64. May be repeated.")
  var header: [String] = []

  @Option(help: "Deadline in seconds.")
  var timeout = 10.0

  @OptionGroup var certificate: CertificateOptions

  /// What went wrong, for a person; the exit code of a refused call is its gRPC code plus 64.
  static func told(_ error: any Error) -> any Error {
    guard let error = error as? RPCError else { return error }
    try? FileHandle.standardError.write(contentsOf: Data("\(error)\n".utf8))
    for violation in error.violations {
      let line = "  \(violation.field): \(violation.description)\n"
      try? FileHandle.standardError.write(contentsOf: Data(line.utf8))
    }
    for way in error.resolutions {
      let line = "  way out: \(way.rpc) (\(way.labelKey))\n"
      try? FileHandle.standardError.write(contentsOf: Data(line.utf8))
    }
    return ExitCode(Int32(64 + error.code.rawValue))
  }

  static func list(_ reflection: Reflection, _ wanted: String?) async throws {
    let names: [String]
    if let wanted { names = [wanted] } else { names = try await reflection.services() }
    for name in names {
      print(name)
      let pool = try await reflection.pool(containing: name)
      for method in pool.services[name] ?? [] {
        let streams = (
          method.clientStreaming ? "stream " : "", method.serverStreaming ? "stream " : ""
        )
        print(
          "  \(method.path.dropFirst())(\(streams.0)\(method.inputType)) -> \(streams.1)\(method.outputType)"
        )
      }
    }
  }

  func run() async throws {
    let channel = try certificate.channel(to: address)
    do {
      let reflection = Reflection(channel: channel)
      if let method {
        print(try await call(method, channel, reflection))
      } else {
        try await Self.list(reflection, nil)
      }
      await channel.close()
    } catch {
      await channel.close()
      throw Self.told(error)
    }
  }

  private func call(
    _ name: String, _ channel: ClientChannel, _ reflection: Reflection
  ) async throws -> String {
    let parts = name.split(separator: "/").map(String.init)
    guard parts.count == 2 else { throw ValidationError("\(name) is not pkg.Service/Method") }
    let pool = try await reflection.pool(containing: parts[0])
    let path = "/\(parts[0])/\(parts[1])"
    guard let method = pool.services[parts[0]]?.first(where: { $0.path == path }) else {
      throw ValidationError("\(parts[0]) has no method \(parts[1]): `clientele list \(address)`")
    }
    guard !method.clientStreaming, !method.serverStreaming else {
      throw ValidationError(
        "\(name) streams; only methods with one request and one answer can be called")
    }
    let request = try DynamicMessage(
      json: JSONValue(utf8: try requestBytes()), as: method.inputType, in: pool)
    let answer = try await channel.unary(
      path: path, request: request.serialized(), options: try options())
    let message = try DynamicMessage(serialized: answer.message, as: method.outputType, in: pool)
    return try Self.pretty(message.json.utf8)
  }

  private func requestBytes() throws -> [UInt8] {
    if data == "-" { return [UInt8](FileHandle.standardInput.readDataToEndOfFile()) }
    guard data.hasPrefix("@") else { return [UInt8](data.utf8) }
    return [UInt8](try Data(contentsOf: URL(fileURLWithPath: String(data.dropFirst()))))
  }

  private func options() throws -> CallOptions {
    guard timeout > 0, timeout <= 3600 else { throw ValidationError("--timeout must be 0 to 3600") }
    var options = CallOptions(timeout: .seconds(timeout))
    for line in header {
      guard let colon = line.firstIndex(of: ":") else {
        throw ValidationError("-H \(line) is not 'name: value'")
      }
      let key = line[..<colon].trimmingCharacters(in: .whitespaces)
      let value = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
      let isTaken =
        key.hasSuffix("-bin")
        ? Data(base64Encoded: value).map { options.metadata.append(binary: [UInt8]($0), for: key) }
        : options.metadata.append(value, for: key)
      guard isTaken == true else { throw ValidationError("-H \(key) cannot be sent") }
    }
    return options
  }

  private static func pretty(_ json: [UInt8]) throws -> String {
    let value = try JSONSerialization.jsonObject(with: Data(json), options: [.fragmentsAllowed])
    let data = try JSONSerialization.data(
      withJSONObject: value,
      options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes, .fragmentsAllowed])
    return String(decoding: data, as: UTF8.self)
  }
}
