import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// Blocking sockets on this machine alone.
enum Socket {
  static func listen(port: Int = 0) throws -> Int32 {
    let listening = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard listening >= 0 else { throw failure("socket") }
    var yes: Int32 = 1
    setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
    let isBound = withLoopback(port: port) { bind(listening, $0, $1) == 0 }
    guard isBound, Glibc.listen(listening, 128) == 0 else {
      defer { close(listening) }
      throw failure("bind")
    }
    return listening
  }

  static func port(of listening: Int32) throws -> Int {
    var address = sockaddr_in()
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isKnown = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        getsockname(listening, $0, &length) == 0
      }
    }
    guard isKnown else { throw failure("getsockname") }
    return Int(UInt16(bigEndian: address.sin_port))
  }

  static func connect(to server: FaultProxy.Server) throws -> Int32 {
    let isUnix = if case .unix = server { true } else { false }
    let connected = socket(isUnix ? AF_UNIX : AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard connected >= 0 else { throw failure("socket") }
    let isThere =
      switch server {
      case .tcp(let port): withLoopback(port: port) { Glibc.connect(connected, $0, $1) == 0 }
      case .unix(let path): withUnix(path) { Glibc.connect(connected, $0, $1) == 0 }
      }
    guard isThere else {
      defer { close(connected) }
      throw failure("connect")
    }
    return connected
  }

  /// Sends a reset to a TCP peer, and wakes whoever reads.
  static func reset(_ socket: Int32) {
    var nowhere = sockaddr()
    nowhere.sa_family = sa_family_t(AF_UNSPEC)
    _ = Glibc.connect(socket, &nowhere, socklen_t(MemoryLayout<sockaddr>.size))
  }

  /// - Returns: whether all of it was written.
  static func write(_ bytes: UnsafeRawBufferPointer, to socket: Int32) -> Bool {
    var rest = bytes[...]
    while let start = UnsafeRawBufferPointer(rebasing: rest).baseAddress, !rest.isEmpty {
      let count = send(socket, start, rest.count, Int32(MSG_NOSIGNAL))
      guard count > 0 else { return false }
      rest = rest.dropFirst(count)
    }
    return true
  }

  private static func withLoopback<Result>(
    port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
  ) -> Result {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(truncatingIfNeeded: port).bigEndian
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
  }

  private static func withUnix<Result>(
    _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
  ) -> Result {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { room in
      for (index, byte) in path.utf8.prefix(room.count - 1).enumerated() { room[index] = byte }
    }
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
  }

  private static func failure(_ call: String) -> FaultProxy.Failure {
    FaultProxy.Failure(description: "\(call): \(String(cString: strerror(errno)))")
  }
}

/// Ports that nobody has.
public enum FreePort {
  /// A port on 127.0.0.1 that was free a moment ago.
  public static func find() throws -> Int {
    let listening = try Socket.listen()
    defer { close(listening) }
    return try Socket.port(of: listening)
  }
}

extension TestDatabase {
  /// A proxy between a pool and this database's server.
  public func proxy() throws -> FaultProxy {
    let words = connection().split(separator: " ")
    let host = words.first { $0.hasPrefix("host=") }?.dropFirst(5) ?? ""
    return try FaultProxy(to: .unix("\(host)/.s.PGSQL.5432"))
  }

  /// A libpq connection string of the service's own role that goes through a proxy.
  public func connection(through proxy: FaultProxy) -> String {
    connection() + " host=127.0.0.1 port=\(proxy.port) sslmode=disable"
  }
}
