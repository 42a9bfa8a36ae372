import Foundation
import GRPC
import NIOCore
import Synchronization

/// The channels of one thread: to each target one or more, taken in turn.
final class Connections: Sendable {
  private let channels: [String: [ClientChannel]]
  private let next = Atomic<Int>(0)

  /// - Throws: `ScenarioError` when certificates are missing or cannot be read.
  init(_ scenario: Scenario, perTarget: Int, loop: any EventLoop) throws {
    var channels: [String: [ClientChannel]] = [:]
    for (name, target) in scenario.targets {
      channels[name] = try (0..<perTarget).map { _ in
        try Self.channel(to: target, scenario, loop)
      }
    }
    self.channels = channels
  }

  private static func channel(
    to target: Scenario.Target, _ scenario: Scenario, _ loop: any EventLoop
  ) throws -> ClientChannel {
    var settings = ChannelSettings()
    // The generator bounds what is under way; nothing is refused before it reaches a connection.
    settings.waitingMax = 1_000_000
    settings.streamsMax = 10_000
    // A server that is busy to its limit is what a test may look for.
    settings.connectTimeout = .seconds(10)
    if target.isPlaintext {
      return try ClientChannel(
        host: target.host, port: target.port, settings: settings, eventLoopGroup: loop)
    }
    guard let tls = scenario.tls else {
      throw ScenarioError(
        "speaks TLS, and the scenario does not say how: add \"tls\", or \"plaintext\": true",
        at: [.key("targets"), .key(target.name)])
    }
    for path in [tls.certificatePath, tls.keyPath, tls.authorityPath].compactMap(\.self)
    where !FileManager.default.isReadableFile(atPath: path) {
      throw ScenarioError(
        "\(path) cannot be read: `make run` makes it; run loadtest from the same checkout",
        at: [.key("tls")])
    }
    return try ClientChannel(
      host: target.host, port: target.port, tls: tls,
      expectedPeer: tls.trustDomain == nil ? nil : target.peer, settings: settings,
      eventLoopGroup: loop)
  }

  /// The channel whose turn it is.
  func channel(_ target: String) -> ClientChannel? {
    guard let channels = channels[target], !channels.isEmpty else { return nil }
    guard channels.count > 1 else { return channels[0] }
    let turn = next.wrappingAdd(1, ordering: .relaxed).oldValue
    return channels[Int(UInt(bitPattern: turn) % UInt(channels.count))]
  }

  /// Opens every connection, so that no measured call waits for one.
  /// - Throws: `ScenarioError` when a target cannot be reached.
  func open(_ targets: [String: Scenario.Target]) async throws {
    for (name, channels) in channels {
      for channel in channels {
        do {
          _ = try await channel.unary(
            path: "/grpc.health.v1.Health/Check", request: [],
            options: CallOptions(timeout: .seconds(15)))
        } catch let error as RPCError
          where error.code == .unavailable || error.reason == RPCError.noConnection
        {
          let address = targets[name].map { "\($0.host):\($0.port)" } ?? name
          throw ScenarioError(
            "nobody answers at \(address): \(error.message). Is the server running (`make run`)?",
            at: [.key("targets"), .key(name)])
        } catch {
          // Whatever else it says, it is there.
          continue
        }
      }
    }
  }

  func close() async {
    for channel in channels.values.joined() { await channel.close(grace: .seconds(1)) }
  }
}
