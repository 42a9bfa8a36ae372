#if canImport(Glibc)
  import Glibc
#endif

/// A process whose file descriptors are nearly all taken; for a process of its own.
public struct DescriptorShortage: ~Copyable {
  /// How many the process may have open meanwhile. A quarter is what servers leave free at most.
  public static let limit = 128

  private let taken: [Int32]

  /// Lowers the limit.
  public static func lowerLimit() {
    let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    var limit = rlimit()
    getrlimit(resource, &limit)
    limit.rlim_cur = rlim_t(Self.limit)
    setrlimit(resource, &limit)
  }

  /// Lowers the limit, and takes all but a few of those that connections may have.
  public init() {
    Self.lowerLimit()
    var taken: [Int32] = []
    while taken.last ?? 0 < Self.limit * 3 / 4 - 3 {
      let next = dup(STDERR_FILENO)
      guard next >= 0 else { break }
      taken.append(next)
    }
    self.taken = taken
  }

  /// Gives back what was taken.
  public consuming func end() { for descriptor in taken { close(descriptor) } }
}

/// A TCP connection to this machine in blocking calls, for tests that count descriptors.
public struct LoopbackPeer: Sendable {
  /// Its file descriptor.
  public let socket: Int32

  /// A socket that is not connected yet.
  ///
  /// - Parameter isAboveLimit: whether its number lies above `DescriptorShortage.limit`, so that it
  ///   takes none of those that are left to a server in the same process.
  public init(isAboveLimit: Bool = false) {
    let made = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard isAboveLimit else {
      socket = made
      return
    }
    socket = fcntl(made, F_DUPFD_CLOEXEC, Int32(DescriptorShortage.limit))
    Glibc.close(made)
  }

  /// Connects. Returns whether it did.
  ///
  /// - Parameter host: from which address, the last number of 127.0.0.x.
  public func connect(port: Int, from host: UInt32 = 1) -> Bool {
    name(host, 0, bind) && name(1, port, Glibc.connect)
  }

  /// Sends all the bytes. Returns whether the system took them.
  public func send(_ bytes: [UInt8]) -> Bool {
    Glibc.send(socket, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count
  }

  /// Waits for a byte. False when the other side closed instead, or nothing came for a minute.
  public func hears() -> Bool {
    var patience = timeval(tv_sec: 60, tv_usec: 0)
    setsockopt(
      socket, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    var byte: UInt8 = 0
    return recv(socket, &byte, 1, 0) == 1
  }

  /// Closes it.
  public func close() { _ = Glibc.close(socket) }

  private func name(
    _ host: UInt32, _ port: Int,
    _ body: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32
  ) -> Bool {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = (0x7f00_0000 + host).bigEndian
    address.sin_port = in_port_t(port).bigEndian
    return withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
  }
}
