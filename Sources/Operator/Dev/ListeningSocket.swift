#if canImport(Glibc)
  import Glibc
#endif

/// A TCP socket that listens on loopback for as long as the run lasts. A process gets it by
/// inheritance and its successor gets it again, so that nobody who connects is refused.
///
/// Processes of one service have a socket each on the same port (SO_REUSEPORT): the system spreads
/// connections over them, and no two processes race for one.
struct ListeningSocket: Sendable {
  /// The socket. It is closed with the run, and on exec but where it was handed over.
  let descriptor: CInt

  /// Connections that may wait while no process takes them.
  static let backlog: CInt = 1_024

  /// Listens on a port of 127.0.0.1; nil when it is taken.
  init?(port: Int) {
    guard let number = UInt16(exactly: port) else { return nil }
    let type = CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
    let socket = socket(AF_INET, type, 0)
    guard socket >= 0 else { return nil }
    var reuse: CInt = 1
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &reuse, socklen_t(MemoryLayout<CInt>.size))
    setsockopt(socket, SOL_SOCKET, SO_REUSEPORT, &reuse, socklen_t(MemoryLayout<CInt>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = number.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    let isBound = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
    guard isBound, listen(socket, Self.backlog) == 0 else {
      close(socket)
      return nil
    }
    descriptor = socket
  }

  /// Closes the run's own hold on it.
  func release() { close(descriptor) }
}
