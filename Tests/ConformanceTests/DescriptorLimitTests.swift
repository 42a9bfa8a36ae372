import Foundation
import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// A server whose connections have all the file descriptors that they may.
@Suite("File descriptors", .timeLimit(.minutes(5)))
struct DescriptorLimitTests {
  private static let most = 40
  /// A quarter of so few is the rest of the process's.
  private static let kept = most / 4

  @Test("near the limit the server rests instead of asking again and again, and recovers")
  func limit() async throws {
    let program = try Peer.program("interop-server")
    let server = try await Peer.serve(
      "/bin/sh", ["-c", "ulimit -n \(Self.most); exec \"$0\" --port=0", program])
    defer { server.stop() }
    let sockets = try (0..<(2 * Self.most)).map { _ in try connect(to: server.address) }
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
    for socket in sockets { close(socket) }
    #expect(await comesTrue { server.descriptors < Self.most / 2 })
    let next = try connect(to: server.address)
    defer { close(next) }
    var byte: UInt8 = 0
    #expect(recv(next, &byte, 1, 0) == 1)
  }

  private func comesTrue(_ condition: () -> Bool) async -> Bool {
    let end = ContinuousClock.now + .seconds(60)
    while ContinuousClock.now < end {
      if condition() { return true }
      try? await Task.sleep(for: .milliseconds(5))
    }
    return condition()
  }

  private func connect(to address: String) throws -> CInt {
    let port = address.split(separator: ":").last.flatMap { UInt16($0) } ?? 0
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var name = sockaddr_in()
    name.sin_family = sa_family_t(AF_INET)
    name.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    name.sin_port = port.bigEndian
    let result = withUnsafePointer(to: &name) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    // Who says nothing is soon closed.
    let hello = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0".utf8)
    guard result == 0, send(descriptor, hello, hello.count, 0) == hello.count else {
      throw Peer.Failure(description: "no connection to \(address)")
    }
    return descriptor
  }
}
