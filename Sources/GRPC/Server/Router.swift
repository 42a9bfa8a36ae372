import Glibc

/// Methods by path, found without making a string of the path. Built once; only our own methods
/// are in it, so nobody outside can make its chains long.
///
/// A class, so that looking something up for every call copies nothing.
final class Router: Sendable {
  private struct Entry {
    var hash: UInt64
    var path: [UInt8]
    var index: Int

    func isAt(_ other: UnsafeRawBufferPointer) -> Bool {
      path.withUnsafeBytes { bytes in
        guard bytes.count == other.count, let mine = bytes.baseAddress, let its = other.baseAddress
        else { return false }
        return memcmp(mine, its, bytes.count) == 0
      }
    }
  }

  /// Every method there is.
  let handlers: [MethodHandler]
  /// Which of them answer calls with streams.
  let isStream: [Bool]
  private let places: [[Entry]]
  private let mask: UInt64

  /// A method bound twice answers with what was bound first.
  init(_ services: [ServiceBinding]) {
    let handlers = services.flatMap(\.handlers)
    self.handlers = handlers
    isStream = handlers.map {
      if case .stream = $0.kind { true } else { false }
    }
    var size = 16
    while size < handlers.count * 2 { size *= 2 }
    var places = [[Entry]](repeating: [], count: size)
    mask = UInt64(size - 1)
    for (index, handler) in handlers.enumerated() {
      let path = Array(handler.method.path.utf8)
      let hash = path.withUnsafeBytes { Self.hash($0) }
      places[Int(hash & mask)].append(Entry(hash: hash, path: path, index: index))
    }
    self.places = places
  }

  /// Where in `handlers` the method is.
  func route(_ path: UnsafeRawBufferPointer) -> Int? {
    let hash = Self.hash(path)
    for entry in places[Int(hash & mask)] where entry.hash == hash {
      if entry.isAt(path) { return entry.index }
    }
    return nil
  }

  private static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    var hash = UInt64(truncatingIfNeeded: bytes.count) &* 0x9e37_79b9_7f4a_7c15
    var index = 0
    while index &+ 8 <= bytes.count {
      hash = mix(hash ^ bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self))
      index &+= 8
    }
    while index < bytes.count {
      hash = mix(hash ^ UInt64(bytes[index]))
      index &+= 1
    }
    return hash
  }

  private static func mix(_ value: UInt64) -> UInt64 {
    let product = value &* 0xff51_afd7_ed55_8ccd
    return product ^ (product >> 32)
  }
}
