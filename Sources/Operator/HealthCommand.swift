import ArgumentParser
import CommonAPI
import GRPC

/// `clientele health`: asks a server whether it is serving; for health checks of containers.
struct HealthCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "health", abstract: "Exits with 0 when the server at host:port is serving.")

  @Argument(help: "host:port of a service.")
  var address: String

  @OptionGroup var certificate: CertificateOptions

  func run() async throws {
    let channel = try certificate.channel(to: address)
    do {
      let answer = try await HealthClient(channel).check(
        HealthCheckRequest(), options: CallOptions(timeout: .seconds(3)))
      await channel.close()
      print(answer.status == .serving ? "SERVING" : "NOT_SERVING")
      if answer.status != .serving { throw ExitCode.failure }
    } catch let error as RPCError {
      await channel.close()
      print("\(address): \(error)")
      throw ExitCode.failure
    }
  }
}
