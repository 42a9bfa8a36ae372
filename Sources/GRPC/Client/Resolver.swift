import Glibc
import NIOCore
import NIOPosix

/// Finds the addresses that the names of a channel stand for. The system's resolver blocks, so it
/// has threads of its own, and nobody waits for it longer than the bound.
///
/// Safety: every property is touched on `loop` only.
final class Resolver: @unchecked Sendable {
  /// Gives the addresses of a name. May block.
  typealias LookUp = @Sendable (_ host: String, _ port: Int) throws -> [SocketAddress]

  private let loop: any EventLoop
  private let targets: [ChannelTarget]
  private let patience: Duration
  private let lookUp: LookUp
  private let onLate: () -> Void
  /// What each name meant when it could last be found out.
  private var known: [ChannelTarget: [SocketAddress]] = [:]
  private var isRunning = false

  /// - Parameter onLate: told when a look-up took longer than `patience`.
  init(
    loop: any EventLoop, targets: [ChannelTarget], patience: Duration, lookUp: @escaping LookUp,
    onLate: @escaping () -> Void
  ) {
    self.loop = loop
    self.targets = targets
    self.patience = patience
    self.lookUp = lookUp
    self.onLate = onLate
    // NIO ends a process that has no thread left for the pool: when a channel is made rather than at
    // its first call.
    if hasNames { _ = NIOThreadPool.singleton }
  }

  /// False when there are only addresses: they never mean anything else.
  var hasNames: Bool { targets.contains { $0.address == nil } }

  /// Looks every name up, and tells what came of it on the loop: the servers in the order of the
  /// targets, and why a name could not be found. Nothing is told while an earlier look-up is still
  /// at work: a resolver that hangs gets no second thread.
  func resolve(_ tell: @escaping ([Endpoint], String?) -> Void) {
    guard hasNames else { return tell(endpoints, nil) }
    guard !isRunning else { return }
    isRunning = true
    let names = targets.filter { $0.address == nil }
    let lookUp = lookUp
    let told = Once(tell)
    let timer = loop.scheduleTask(in: patience.timeAmount) {
      self.onLate()
      told.take()?(self.endpoints, "the names could not be looked up in time")
    }
    NIOThreadPool.singleton.runIfActive(eventLoop: loop) {
      names.map { name in (name, Result { try lookUp(name.host, name.port) }) }
    }.whenComplete { outcome in
      timer.cancel()
      self.isRunning = false
      let failure = self.take(outcome)
      told.take()?(self.endpoints, failure)
    }
  }

  /// Keeps what was found; returns why something was not.
  private func take(
    _ outcome: Result<[(ChannelTarget, Result<[SocketAddress], any Error>)], any Error>
  ) -> String? {
    var failure: String?
    do {
      for (name, found) in try outcome.get() {
        switch found {
        case .success(let addresses): known[name] = addresses
        case .failure(let error): failure = "\(error)"
        }
      }
    } catch {
      failure = "\(error)"
    }
    return failure
  }

  private var endpoints: [Endpoint] {
    targets.flatMap { target in
      (target.address.map { [$0] } ?? known[target] ?? []).map {
        Endpoint(address: $0, authority: target.authority, host: target.host)
      }
    }
  }

  /// Safety: touched on the loop only.
  private final class Once: @unchecked Sendable {
    private var body: (([Endpoint], String?) -> Void)?

    init(_ body: @escaping ([Endpoint], String?) -> Void) { self.body = body }

    func take() -> (([Endpoint], String?) -> Void)? {
      defer { body = nil }
      return body
    }
  }
}

extension Resolver {
  /// A name that the system does not know.
  struct UnknownName: Error, CustomStringConvertible {
    let description: String
  }

  /// Asks the system, in the order that it prefers.
  static let system: LookUp = { host, port in
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    let status = getaddrinfo(host, "\(port)", &hints, &list)
    defer { if let list { freeaddrinfo(list) } }
    guard status == 0 else {
      throw UnknownName(description: "\(host): \(String(cString: gai_strerror(status)))")
    }
    var addresses: [SocketAddress] = []
    var next = list
    while let entry = next?.pointee {
      if let address = read(entry), !addresses.contains(address) { addresses.append(address) }
      next = entry.ai_next
    }
    return addresses
  }

  private static func read(_ entry: addrinfo) -> SocketAddress? {
    guard let raw = UnsafeRawPointer(entry.ai_addr) else { return nil }
    switch entry.ai_family {
    case AF_INET where entry.ai_addrlen >= MemoryLayout<sockaddr_in>.size:
      return SocketAddress(raw.loadUnaligned(as: sockaddr_in.self))
    case AF_INET6 where entry.ai_addrlen >= MemoryLayout<sockaddr_in6>.size:
      return SocketAddress(raw.loadUnaligned(as: sockaddr_in6.self))
    default:
      return nil
    }
  }
}
