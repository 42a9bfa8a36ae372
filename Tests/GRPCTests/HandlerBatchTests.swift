import BenchAPI
import Synchronization
import TestKit
import Testing

@testable import GRPC

/// Handlers that begin in one turn share a task for as long as none of them waits; nobody must see
/// anything of the others.
@Suite struct HandlerBatchTests {
  private static let calls = 60

  /// What handlers saw, in the order in which they began.
  private final class Log: Sendable {
    private let seen = Mutex<[Int32]>([])
    private let cancelled = Mutex<[Int32]>([])

    var order: [Int32] { seen.withLock { $0 } }
    var cancelledAtFirst: [Int32] { cancelled.withLock { $0 } }

    func begin(_ number: Int32) {
      seen.withLock { $0.append(number) }
      if Task.isCancelled { cancelled.withLock { $0.append(number) } }
    }
  }

  /// Requests 1, 2, 3… on streams 1, 3, 5…, in one write.
  private static var flood: [UInt8] {
    (0..<UInt32(calls)).reduce(into: RawPeer.opening) { bytes, index in
      let message: [UInt8] = [0, 0, 0, 0, 2, 0x10, UInt8(index + 1)]
      bytes += RawPeer.request(stream: 2 * index + 1)
      bytes += RawPeer.data(stream: 2 * index + 1, message, end: true)
    }
  }

  /// Calls that wait for their handler as long as a busy machine takes.
  private static var settings: ServerSettings {
    var settings = ServerSettings.patient
    settings.defaultDeadline = .seconds(20).patient
    return settings
  }

  private func stream(of number: Int32) -> UInt32 { UInt32(2 * number - 1) }

  @Test("handlers begin in the order of their calls, and who waits holds nobody up")
  func order() async throws {
    let gate = Gate()
    let log = Log()
    let service = echo { request, _ in
      log.begin(request.n)
      if request.n % 7 == 0 { try await gate.pass() }
      return EchoResponse(n: request.n)
    }
    try await withServer([service], settings: Self.settings) { _, _, port in
      let peer = try await RawPeer.connect(port: port)
      peer.send(Self.flood)
      let all = 1...Int32(Self.calls)
      let prompt = all.filter { $0 % 7 != 0 }
      #expect(await eventually { prompt.allSatisfy { peer.ended(stream: stream(of: $0)) } })
      #expect(await eventually { gate.arrived == Self.calls / 7 })
      #expect(log.order == Array(all))
      #expect(all.allSatisfy { $0 % 7 != 0 || !peer.ended(stream: stream(of: $0)) })
      gate.open()
      #expect(await eventually { all.allSatisfy { peer.ended(stream: stream(of: $0)) } })
      for number in all {
        #expect(peer.body(stream: stream(of: number)) == [0, 0, 0, 0, 2, 0x10, UInt8(number)])
      }
    }
  }

  @Test("who gives up cancels the handler of that call alone")
  func cancellation() async throws {
    let gate = Gate()
    let log = Log()
    let service = echo { request, _ in
      log.begin(request.n)
      if request.n % 2 == 0 { try await gate.pass() }
      return EchoResponse(n: request.n)
    }
    try await withServer([service], settings: Self.settings) { server, channel, port in
      let peer = try await RawPeer.connect(port: port)
      peer.send(Self.flood)
      #expect(await eventually { gate.arrived == Self.calls / 2 })
      peer.send(RawPeer.frame(3, stream: stream(of: 2), [0, 0, 0, 8]))
      #expect(await eventually { gate.cancelled == 1 })
      _ = try await EchoClient(channel).unary(EchoRequest(n: 99))
      gate.open()
      let others = (1...Int32(Self.calls)).filter { $0 != 2 }
      #expect(await eventually { others.allSatisfy { peer.ended(stream: stream(of: $0)) } })
      #expect(gate.cancelled == 1)
      #expect(log.cancelledAtFirst.isEmpty)
      #expect(await eventually { server.callsInFlight == 0 })
    }
  }

  @Test("a call that is given up in the read that brought it never begins")
  func neverBegun() async throws {
    let log = Log()
    let service = echo { request, _ in
      log.begin(request.n)
      return EchoResponse(n: request.n)
    }
    try await withServer([service], settings: Self.settings) { server, channel, port in
      let peer = try await RawPeer.connect(port: port)
      peer.send(
        RawPeer.opening + RawPeer.request(stream: 1)
          + RawPeer.data(stream: 1, [0, 0, 0, 0, 2, 0x10, 1], end: true)
          + RawPeer.frame(3, stream: 1, [0, 0, 0, 8])
          + RawPeer.request(stream: 3)
          + RawPeer.data(stream: 3, [0, 0, 0, 0, 2, 0x10, 2], end: true))
      #expect(await eventually { peer.ended(stream: 3) })
      #expect(log.order == [2])
      #expect(server.callsInFlight == 0)
    }
  }
}
