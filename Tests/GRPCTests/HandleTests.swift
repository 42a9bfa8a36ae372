import BenchAPI
import TestKit
import Testing

@testable import GRPC

#if canImport(Glibc)
  import Glibc
#endif

/// What servers, channels and calls hold, seen in a process of its own where nothing else counts.
@Suite struct HandleTests {
  /// Held by every handler: gone when none of them waits any more.
  private final class Token: Sendable { func stay() {} }

  @Test("descriptors, threads and waiting handlers are gone, however calls have ended")
  func handles() async {
    await #expect(processExitsWith: .success) {
      // What is made once, and kept, is made in the first.
      try await HandleTests.round()
      let before = Handles.now
      for _ in 0..<5 { try await HandleTests.round() }
      #expect(
        await eventually { !Handles.now.exceeds(before, after: 5) },
        "\(before) became \(Handles.now)")
    }
  }

  @Test("processes that this one starts inherit no socket of a server or a channel")
  func inheritance() async throws {
    try await withServer([echo()]) { _, channel, port in
      _ = try await EchoClient(channel).unary(EchoRequest())
      // The listener and both ends of the connection.
      #expect(Handles.socketsClosedOnExec(port: port) == [true, true, true])
    }
  }

  @Test("a channel to a name has the threads of its look-ups before its first call")
  func lookUps() async {
    await #expect(processExitsWith: .success) {
      let channel = try ClientChannel(host: "localhost", port: 1)
      #expect(await eventually { Handles.threads(named: "SGLTN-TP") > 0 })
      await channel.close()
    }
  }

  @Test("callers leave descriptors to the process: a late one waits, and is counted")
  func exhausted() async {
    await #expect(processExitsWith: .success) {
      try await withServer([echo()]) { server, channel, port in
        _ = try await EchoClient(channel).unary(EchoRequest())
        let shortage = DescriptorShortage()
        let last = HandleTests.peer(port)
        #expect(await eventually { HandleTests.hears(last) })
        #expect(await eventually { count(server, .descriptors) == 1 })
        let late = HandleTests.peer(port)
        _ = try await EchoClient(channel).unary(EchoRequest())
        #expect(!HandleTests.hears(late))
        shortage.end()
        #expect(await eventually { HandleTests.hears(late) })
        close(last)
        close(late)
      }
    }
  }

  /// A connection that has said what every client begins with.
  private static func peer(_ port: Int) -> Int32 {
    let peer = LoopbackPeer()
    #expect(peer.connect(port: port) && peer.send(RawPeer.opening))
    return peer.socket
  }

  /// Whether a byte has come.
  private static func hears(_ socket: Int32) -> Bool {
    var byte: UInt8 = 0
    return recv(socket, &byte, 1, Int32(MSG_DONTWAIT)) == 1
  }

  static func round() async throws {
    let gate = Gate()
    weak var waiting: Token?
    do {
      let token = Token()
      waiting = token
      let service = echo { request, _ in
        defer { token.stay() }
        if request.n > 0 { try await gate.pass() }
        return EchoResponse(n: request.n)
      }
      try await withServer([service]) { _, channel, port in
        let client = EchoClient(channel)
        _ = try await client.unary(EchoRequest())
        let late = await refusal {
          try await client.unary(
            EchoRequest(n: 1), options: CallOptions(timeout: .milliseconds(50)))
        }
        #expect(late?.code == .deadlineExceeded)
        let arrived = gate.arrived
        let left = Task { try await client.unary(EchoRequest(n: 1)) }
        #expect(await eventually { gate.arrived > arrived })
        left.cancel()
        _ = await left.result
        let peer = try await RawPeer.connect(port: port)
        peer.send(RawPeer.opening)
        #expect(await eventually { peer.heard(frame: 4) })
      }
    }
    #expect(await eventually { waiting == nil })
  }
}
