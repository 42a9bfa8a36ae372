import Foundation
import FoundationNetworking
import GRPC
import IdentityAPI
import Logging
import ServiceLifecycle
import Synchronization
import TestKit
import Testing

@testable import ServiceKit

/// What a service's process says of itself while it is being stopped.
@Suite struct DrainTests {
  @Test("ready until it is asked to stop, and not while calls end after that")
  func readiness() async throws {
    let (gate, opener) = AsyncStream.makeStream(of: Void.self)
    let isBusy = Mutex(false)
    let methods = IdentityServiceMethods.self
    let identity = ServiceBinding(
      methods.service,
      [
        .unary(methods.getMe) { (_: GetMeRequest, _) in
          isBusy.withLock { $0 = true }
          for await _ in gate {}
          return Me()
        }
      ])
    let lines = Lines()
    let logger = Logger(label: "test") { _ in LinesHandler(lines) }
    var settings = ServiceSettings(["CLIENTELE_ADMIN_PORT": "0"])
    let served = ServedAssembly(
      server: RPCServer(services: [identity]), host: "127.0.0.1", port: 0, inherited: nil,
      standsBy: false, admin: AdminSettings(&settings),
      readyFile: ReadyFile(settings, logger: logger), channels: ChannelList(),
      figures: FigureList(), assembly: Assembly(services: []), logger: logger)
    let group = ServiceGroup(services: [served], gracefulShutdownSignals: [], logger: logger)
    async let life: Void = group.run()

    let office = try await Self.port("admin port", lines)
    #expect(try await eventually { try await Self.readiness(office) == 200 })
    var patience = ChannelSettings()
    patience.defaultDeadline = .seconds(60).patient
    let channel = try ClientChannel(
      host: "127.0.0.1", port: try await Self.port("listening", lines), settings: patience)
    async let call = IdentityServiceClient(channel).getMe(GetMeRequest())
    #expect(try await eventually { isBusy.withLock { $0 } })
    await group.triggerGracefulShutdown()
    #expect(try await eventually { try await Self.readiness(office) == 503 })
    opener.finish()
    _ = try await call
    try await life
    await channel.close()
  }

  /// The status of `/readyz`; nil when nothing answers.
  private static func readiness(_ port: Int) async throws -> Int? {
    let url = try #require(URL(string: "http://127.0.0.1:\(port)/readyz"))
    return (try? await URLSession.shared.data(from: url).1 as? HTTPURLResponse)?.statusCode
  }

  /// The port that a process says it listens on.
  private static func port(_ message: String, _ lines: Lines) async throws -> Int {
    var port: Int?
    _ = try await eventually {
      let line = lines.all.first { $0.hasPrefix("notice \(message) ") }
      port = line?.firstMatch(of: /port=([0-9]+)/).flatMap { Int($0.output.1) }
      return port != nil
    }
    return try #require(port)
  }
}
