import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// An IPv4 or IPv6 address, or a block of them, as numbers.
struct AddressBlock: Sendable, Hashable {
  private let bytes: [UInt8]
  private let bits: Int

  /// Reads an address, or a block such as `10.0.0.0/8`; nil when it is neither.
  init?(_ text: String) {
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    guard let first = parts.first, let bytes = Self.bytes(String(first)) else { return nil }
    var bits = bytes.count * 8
    if parts.count == 2 {
      guard let length = Int(parts[1]), (0...bits).contains(length) else { return nil }
      bits = length
    }
    self.bytes = bytes
    self.bits = bits
  }

  /// True when the address lies in the block.
  func contains(_ address: String) -> Bool {
    guard let other = Self.bytes(address), other.count == bytes.count else { return false }
    return Self.masked(bytes, bits) == Self.masked(other, bits)
  }

  /// What limits are kept by: an IPv4 address, or the first 64 bits of an IPv6 one, since a single
  /// host has all the addresses behind them.
  static func limitKey(_ address: String) -> String {
    guard let bytes = bytes(address), bytes.count == 16 else { return address }
    return masked(bytes, 64).prefix(8).map { String($0, radix: 16) }.joined(separator: ":")
  }

  private static func masked(_ bytes: [UInt8], _ bits: Int) -> [UInt8] {
    bytes.enumerated().map { index, byte in
      let kept = min(max(bits - index * 8, 0), 8)
      return kept == 0 ? 0 : byte & (0xff << UInt8(8 - kept))
    }
  }

  /// Four or sixteen bytes; an IPv4 address inside IPv6 counts as IPv4.
  private static func bytes(_ text: String) -> [UInt8]? {
    guard text.utf8.count <= 64 else { return nil }
    var four = in_addr()
    if inet_pton(AF_INET, text, &four) == 1 { return withUnsafeBytes(of: four) { Array($0) } }
    var six = in6_addr()
    guard inet_pton(AF_INET6, text, &six) == 1 else { return nil }
    let bytes = withUnsafeBytes(of: six) { Array($0) }
    let mapped = bytes.prefix(10).allSatisfy { $0 == 0 } && bytes[10] == 0xff && bytes[11] == 0xff
    return mapped ? Array(bytes.suffix(4)) : bytes
  }
}

extension EdgeRequest {
  /// Whose request it is: the peer, or, when the peer is a proxy we know, the last address in
  /// `X-Forwarded-For` that is no such proxy. What anybody else writes there is not believed.
  func clientAddress(trusting proxies: [AddressBlock]) -> String {
    var address = peerAddress
    let hops = headerValues("x-forwarded-for").joined(separator: ",").split(separator: ",")
    for hop in hops.reversed() {
      guard proxies.contains(where: { $0.contains(address) }) else { break }
      let next = hop.trimmingCharacters(in: .whitespaces)
      guard AddressBlock(next) != nil, !next.contains("/") else { break }
      address = next
    }
    return address
  }
}
