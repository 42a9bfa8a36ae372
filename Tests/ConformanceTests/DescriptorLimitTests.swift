import Foundation
import TestKit
import Testing

/// A server whose connections have all the file descriptors that they may.
@Suite("File descriptors", .timeLimit(.minutes(5)))
struct DescriptorLimitTests {
  private static let most = 40
  /// A quarter of so few is the rest of the process's.
  private static let kept = most / 4

  @Test("near the limit the server rests instead of asking again and again, and recovers")
  func limit() async throws {
    let server = try await serve("ulimit -n \(Self.most)")
    defer { server.stop() }
    // Of several addresses, none of which has its share.
    let peers = try (0..<(2 * Self.most)).map {
      try connect(to: server, from: UInt32(1 + $0 % 8))
    }
    // The limit counts those that are open; to look at them takes none of the server's.
    #expect(await comesTrue { server.descriptors >= Self.most - Self.kept })
    var quiet = 0
    #expect(
      await comesTrue {
        quiet = server.descriptors >= Self.most - Self.kept && server.isAsleep ? quiet + 1 : 0
        return quiet == 30
      }, "its threads never rest")
    // One round of accepts takes four at most.
    #expect(server.descriptors < Self.most - Self.kept + 4)
    for peer in peers { peer.close() }
    #expect(await comesTrue { server.descriptors < Self.most / 2 })
    let next = try connect(to: server)
    defer { next.close() }
    #expect(next.hears())
  }

  @Test("a server raises its limit, and gives one address half of what connections may have")
  func share() async throws {
    // 80 in the end, of which a quarter is the rest of the process's.
    let most = (80 - 20) / 2
    let server = try await serve("ulimit -S -n 40; ulimit -H -n 80")
    defer { server.stop() }
    let peers = try (0..<most).map { _ in try connect(to: server) }
    #expect(peers.allSatisfy { $0.hears() })
    let excess = try connect(to: server)
    #expect(!excess.hears())
    let other = try connect(to: server, from: 2)
    #expect(other.hears())
    for peer in peers + [excess, other] { peer.close() }
  }

  private func serve(_ limits: String) async throws -> Peer {
    try await Peer.serve(
      "/bin/sh", ["-c", "\(limits); exec \"$0\" --port=0", try Peer.program("interop-server")])
  }

  private func connect(to server: Peer, from host: UInt32 = 1) throws -> LoopbackPeer {
    let port = server.address.split(separator: ":").last.flatMap { Int($0) } ?? 0
    let peer = LoopbackPeer()
    // Who says nothing is soon closed.
    let hello = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0".utf8)
    guard peer.connect(port: port, from: host), peer.send(hello) else {
      throw Peer.Failure(description: "no connection to \(server.address)")
    }
    return peer
  }

  private func comesTrue(_ condition: () -> Bool) async -> Bool {
    let end = ContinuousClock.now + .seconds(60)
    while ContinuousClock.now < end {
      if condition() { return true }
      try? await Task.sleep(for: .milliseconds(5))
    }
    return condition()
  }
}
