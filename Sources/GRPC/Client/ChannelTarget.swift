import NIOCore

/// Where a channel leads: an address, or a name that stands for some.
///
/// Written `host:port` or `dns:///host:port` for a name (an address is taken as it is),
/// `ipv4:address:port` and `ipv6:[address]:port` for addresses, of which several may follow each
/// other with commas.
struct ChannelTarget: Sendable, Hashable {
  let host: String
  let port: Int
  /// Set when the host is an address.
  let address: SocketAddress?

  init(host: String, port: Int) {
    self.host = host
    self.port = port
    address = try? SocketAddress(ipAddress: host, port: port)
  }

  /// What calls name as their authority.
  var authority: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

  /// - Throws: INVALID_ARGUMENT for what names no target.
  static func parse(_ text: String) throws(RPCError) -> [ChannelTarget] {
    for scheme in ["ipv4:", "ipv6:"] where text.hasPrefix(scheme) {
      var targets: [ChannelTarget] = []
      for part in text.dropFirst(scheme.count).split(
        separator: ",", omittingEmptySubsequences: false)
      {
        targets.append(try address(part, isSix: scheme == "ipv6:", of: text))
      }
      return targets
    }
    var rest = text[...]
    if rest.hasPrefix("dns:") {
      rest = rest.dropFirst(4)
      if rest.hasPrefix("///") {
        rest = rest.dropFirst(3)
      } else if rest.hasPrefix("//") {
        throw RPCError(.invalidArgument, "\(text) asks for a name server of its own")
      }
    }
    return [try split(rest, of: text)]
  }

  private static func address(
    _ part: Substring, isSix: Bool, of text: String
  ) throws(RPCError) -> ChannelTarget {
    let target = try split(part, of: text)
    let isRight: Bool
    switch target.address {
    case .v4: isRight = !isSix
    case .v6: isRight = isSix
    default: isRight = false
    }
    guard isRight else {
      throw RPCError(.invalidArgument, "\(part) in \(text) is no such address")
    }
    return target
  }

  private static func split(
    _ part: Substring, of text: String
  ) throws(RPCError) -> ChannelTarget {
    let colon = part.lastIndex(of: ":")
    let port = colon.flatMap { UInt16(part[part.index(after: $0)...]) }
    guard let colon, let port, port > 0 else {
      throw RPCError(.invalidArgument, "\(text) lacks a port")
    }
    var host = part[..<colon]
    if host.hasPrefix("["), host.hasSuffix("]"), host.count > 2 {
      host = host.dropFirst().dropLast()
    } else if host.contains(":") {
      throw RPCError(.invalidArgument, "\(text) needs brackets around its address")
    }
    let isPlain = host.utf8.allSatisfy {
      $0 > 0x20 && $0 < 0x7f && $0 != 0x2f && $0 != 0x5b && $0 != 0x5d
    }
    guard !host.isEmpty, isPlain else {
      throw RPCError(.invalidArgument, "\(text) names no host")
    }
    return ChannelTarget(host: String(host), port: Int(port))
  }
}

/// One server of a channel.
struct Endpoint: Sendable, Hashable {
  let address: SocketAddress
  /// What calls name as their authority.
  let authority: String
  /// The host that led here, whose name its certificate may have to bear.
  let host: String
}
