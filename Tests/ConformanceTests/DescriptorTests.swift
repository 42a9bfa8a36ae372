import Foundation
import GRPC
import Glibc
import TestKit
import Testing

/// A server that has run out of file descriptors.
@Suite("Running out of descriptors")
struct DescriptorTests {
  private static let limit = 48

  /// Connects and says nothing; the kernel takes it whether the server does or not.
  private static func connect(port: Int) -> CInt {
    let handle = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(UInt16(truncatingIfNeeded: port)).bigEndian
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    let result = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(handle, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    return result == 0 ? handle : -1
  }

  @Test("accepting pauses, nothing dies, and it goes on once descriptors are free")
  func pause() async throws {
    let server = try await Peer.serve(
      "/bin/bash",
      [
        "-c", "ulimit -n \(Self.limit); exec \"$0\" --port 0", try Peer.program("interop-server"),
      ])
    defer { server.stop() }
    let port = try #require(server.address.split(separator: ":").last.flatMap { Int($0) })
    // More than the server can hold: what it cannot accept waits with the kernel.
    let handles = (0..<80).map { _ in Self.connect(port: port) }
    #expect(handles.allSatisfy { $0 >= 0 })
    let end = ContinuousClock.now + .seconds(20).patient
    while server.descriptors < Self.limit, ContinuousClock.now < end {
      try await Task.sleep(for: .milliseconds(2))
    }
    #expect(server.descriptors == Self.limit)
    for handle in handles where handle >= 0 { close(handle) }
    let channel = try ClientChannel(host: "127.0.0.1", port: port)
    var answer: RPCResponse?
    while answer == nil, ContinuousClock.now < end + .seconds(20).patient {
      answer = try? await channel.unary(
        path: "/grpc.testing.TestService/EmptyCall", request: [],
        options: CallOptions(timeout: .seconds(5)))
    }
    #expect(answer?.message.isEmpty == true)
    await channel.close()
  }
}
