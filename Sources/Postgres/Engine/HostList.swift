import CLibPQ
import Glibc

/// One host as libpq is told of it; nil leaves the connection string's own word.
struct HostTarget: Sendable, Hashable {
  var host: String?
  /// A numeric address, so that libpq looks nothing up.
  var address: String?
  var port: String?
}

/// The hosts of a connection string and their addresses, and which of them is tried next. libpq
/// would try them by itself, but it looks names up while it blocks, and it leaves a host that does
/// not answer only by a timeout that its asynchronous form ignores.
struct HostList: Sendable {
  /// For how long addresses are good.
  static let addressLife: Duration = .seconds(30)

  private struct Host: Sendable {
    var name: String?
    var address: String?
    var port: String?

    /// Whether its name has to be looked up.
    var isName: Bool {
      guard address == nil, let name, let first = name.first else { return false }
      return first != "/" && first != "@"
    }
  }

  private let hosts: [Host]
  /// What can be tried, in the string's order.
  private(set) var targets: [HostTarget] = []
  private var position = 0
  private var failuresInRow = 0
  private var lookedUpAt: ContinuousClock.Instant?
  private var isLookingUp = false

  init(_ connection: String) {
    hosts = Self.parse(connection)
    if names.isEmpty {
      targets = hosts.map { HostTarget(host: $0.name, address: $0.address, port: $0.port) }
    }
  }

  /// The host to try now; nil before any address is known.
  var current: HostTarget? {
    targets.indices.contains(position) ? targets[position] : targets.first
  }

  /// Names to look up.
  var names: [String] { hosts.filter(\.isName).compactMap(\.name) }

  // MARK: Addresses

  func needsLookUp(now: ContinuousClock.Instant) -> Bool {
    guard !names.isEmpty, !isLookingUp else { return false }
    return lookedUpAt.map { $0 + Self.addressLife <= now } ?? true
  }

  /// - Returns: false when a look-up is under way.
  mutating func startLookUp(now: ContinuousClock.Instant) -> Bool {
    guard !isLookingUp else { return false }
    isLookingUp = true
    return true
  }

  /// Takes what a look-up found; names without an answer keep the addresses they had.
  mutating func resolved(_ addresses: [String: [String]], now: ContinuousClock.Instant) {
    isLookingUp = false
    // A name nobody knows now is asked for again at the next attempt.
    lookedUpAt = addresses.count == Set(names).count ? now : nil
    let before = targets
    let known = current
    targets = hosts.flatMap { host -> [HostTarget] in
      guard host.isName, let name = host.name else {
        return [HostTarget(host: host.name, address: host.address, port: host.port)]
      }
      guard let found = addresses[name] else {
        return before.filter { $0.host == name && $0.port == host.port }
      }
      return found.map { HostTarget(host: name, address: $0, port: host.port) }
    }
    position = known.flatMap { targets.firstIndex(of: $0) } ?? 0
  }

  /// Blocks until the system's resolver has answered.
  static func lookUp(_ names: [String]) -> [String: [String]] {
    var found: [String: [String]] = [:]
    for name in names where found[name] == nil {
      var hints = addrinfo()
      hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
      var list: UnsafeMutablePointer<addrinfo>?
      guard getaddrinfo(name, nil, &hints, &list) == 0 else { continue }
      defer { freeaddrinfo(list) }
      var addresses: [String] = []
      var entry = list
      while let info = entry?.pointee {
        if let address = text(of: info), !addresses.contains(address) { addresses.append(address) }
        entry = info.ai_next
      }
      if !addresses.isEmpty { found[name] = addresses }
    }
    return found
  }

  private static func text(of info: addrinfo) -> String? {
    var buffer = [CChar](repeating: 0, count: Int(NI_MAXHOST))
    let outcome = getnameinfo(
      info.ai_addr, info.ai_addrlen, &buffer, socklen_t(buffer.count), nil, 0, NI_NUMERICHOST)
    guard outcome == 0 else { return nil }
    return String(
      decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  // MARK: Which host

  /// An attempt failed: the next host's turn, unless another attempt has said so already.
  /// - Returns: whether each was tried in vain, so that a pause is due.
  mutating func failed(_ target: HostTarget?) -> Bool {
    guard let target, targets.count > 1 else { return true }
    guard target == current else { return failuresInRow == 0 }
    position = (position + 1) % targets.count
    failuresInRow += 1
    guard failuresInRow >= targets.count else { return false }
    failuresInRow = 0
    return true
  }

  mutating func worked(_ target: HostTarget) { failuresInRow = 0 }

  // MARK: The string

  /// The hosts of a libpq connection string or URI; one without any when it names none or is
  /// malformed, which libpq then says itself.
  private static func parse(_ connection: String) -> [Host] {
    guard let options = PQconninfoParse(connection, nil) else { return [Host()] }
    defer { PQconninfoFree(options) }
    var words: [String: [String]] = [:]
    var option = options
    while let keyword = option.pointee.keyword {
      if let value = option.pointee.val {
        words[String(cString: keyword)] = String(cString: value)
          .split(separator: ",", omittingEmptySubsequences: false).map(String.init)
      }
      option += 1
    }
    let names = words["host"] ?? []
    let addresses = words["hostaddr"] ?? []
    let ports = words["port"] ?? []
    let count = max(names.count, addresses.count)
    // Lists of different lengths are libpq's to refuse.
    guard count > 0, names.isEmpty || addresses.isEmpty || names.count == addresses.count,
      ports.count <= 1 || ports.count == count
    else { return [Host()] }
    return (0..<count).map { index in
      Host(
        name: names.isEmpty ? nil : names[index],
        address: addresses.isEmpty ? nil : addresses[index],
        port: ports.count == 1 ? ports[0] : ports.isEmpty ? nil : ports[index])
    }
  }
}
