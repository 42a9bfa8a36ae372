import ArgumentParser
import Foundation
import GRPC
import InteropAPI

/// Starts the client; foreign runners have flags of their own.
@main
enum Program {
  static func main() async {
    await InteropClient.main(InteropFlags.rewritten(CommandLine.arguments.dropFirst()))
  }
}

/// Runs the cases of gRPC's description of its interoperability tests against a server.
struct InteropClient: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "interop-client",
    abstract: "Tries a server of gRPC's interoperability service, a line a case.",
    discussion: "Ends with 1 when a case failed. The flags are those of gRPC's description.")

  @Option(name: .customLong("server_host"), help: "The server's address or name.")
  var serverHost = "127.0.0.1"

  @Option(name: .customLong("server_port"), help: "Its port.")
  var serverPort: Int

  @Option(
    name: .customLong("server_host_override"),
    help: "The name its certificate must bear, which calls name as their authority.")
  var serverHostOverride: String?

  @Option(
    name: .customLong("test_case"),
    help: "A case, several with commas between, `all`, or `list`, which names all.")
  var testCase = "all"

  @Flag(help: "TLS.")
  var tls = false

  @Option(
    name: [.customLong("ca"), .customLong("ca_file")],
    help: "PEM file of the authority to trust; without it the system's.")
  var ca: String?

  @Flag(help: "Leaves the probes out that a server fails which cannot see how a request came.")
  var noCompressionProbe = false

  @Option(
    name: .customLong("additional_metadata"),
    help: "Metadata of every call: KEY:VALUE, several with semicolons between.")
  var additionalMetadata: MetadataFlag?

  @OptionGroup var soak: SoakOptions

  func run() async throws {
    if testCase == "list" { return print(InteropCase.allCases.map(\.name).joined(separator: "\n")) }
    var failed = false
    for one in try cases() {
      do {
        try await one.run(self)
        print("ok      \(one.name)")
      } catch {
        failed = true
        print("FAILED  \(one.name): \(error)")
      }
      fflush(nil)
    }
    if failed { throw ExitCode(1) }
  }

  private func cases() throws -> [InteropCase] {
    if testCase == "all" { return InteropCase.standard }
    return try testCase.split(separator: ",").map { name in
      guard let found = InteropCase.allCases.first(where: { $0.name == name }) else {
        throw ValidationError("there is no case \(name)")
      }
      return found
    }
  }

  /// A new way to the server.
  func makeChannel() throws -> ClientChannel {
    var settings = ChannelSettings()
    settings.defaultDeadline = .seconds(30)
    settings.connectTimeout = .seconds(10)
    settings.serverName = serverHostOverride
    return try ClientChannel(
      host: serverHost, port: serverPort,
      tls: tls ? TLSSettings(authorityPath: ca) : nil, settings: settings)
  }

  /// The way to the server with what all calls carry along.
  func accompanied(_ channel: ClientChannel) -> any RPCChannel {
    guard let additionalMetadata else { return channel }
    return InterceptedChannel(channel, [CallMetadata(additionalMetadata.pairs)])
  }
}

/// Pairs that every call carries, as they are written in a flag.
struct MetadataFlag: ExpressibleByArgument {
  private(set) var pairs = Metadata()

  init?(argument: String) {
    for pair in argument.split(separator: ";") {
      guard let colon = pair.firstIndex(of: ":") else { return nil }
      let key = String(pair[..<colon])
      let value = String(pair[pair.index(after: colon)...])
      let isTaken =
        key.lowercased().hasSuffix("-bin")
        ? pairs.append(binary: Array(value.utf8), for: key) : pairs.append(value, for: key)
      guard isTaken else { return nil }
    }
  }
}

/// How long the soaks soak; the names are those of gRPC's description.
struct SoakOptions: ParsableArguments {
  @Option(name: .customLong("soak_iterations"), help: "Calls.")
  var iterations = 10

  @Option(
    name: .customLong("soak_num_threads"), help: "So many make an equal part of the calls each.")
  var threads = 1

  @Option(name: .customLong("soak_max_failures"), help: "Calls that may fail.")
  var maxFailures = 0

  @Option(
    name: .customLong("soak_per_iteration_max_acceptable_latency_ms"),
    help: "Milliseconds a call may take.")
  var maxLatency = 1_000

  @Option(
    name: .customLong("soak_min_time_ms_between_rpcs"), help: "Milliseconds from call to call.")
  var pause = 0

  @Option(
    name: .customLong("soak_overall_timeout_seconds"),
    help: "Seconds after which calls are missing.")
  var overall = 10

  @Option(name: .customLong("soak_request_size"), help: "Bytes of a request's payload.")
  var requestSize = 271_828

  @Option(name: .customLong("soak_response_size"), help: "Bytes of an answer's payload.")
  var responseSize: Int32 = 314_159

  init() {}

  func validate() throws {
    guard threads > 0, iterations % threads == 0 else {
      throw ValidationError("the calls of a soak cannot be shared equally")
    }
  }
}
