/// Filling C structs; called by generated code only.
extension Arena {
  /// Room for one value of a C type, not yet initialised.
  @inlinable
  public func make<C>(_ type: C.Type) -> UnsafeMutablePointer<C> {
    reserve(MemoryLayout<C>.stride).bindMemory(to: C.self, capacity: 1)
  }

  /// A string's UTF-8 bytes.
  public func copy(_ text: String) -> (Int, UnsafeMutablePointer<UInt8>?) {
    var text = text
    return text.withUTF8 { copy($0) }
  }

  /// Bytes.
  public func copy(_ bytes: [UInt8]) -> (Int, UnsafeMutablePointer<UInt8>?) {
    bytes.withUnsafeBufferPointer { copy($0) }
  }

  private func copy(_ bytes: UnsafeBufferPointer<UInt8>) -> (Int, UnsafeMutablePointer<UInt8>?) {
    guard let start = bytes.baseAddress, !bytes.isEmpty else { return (0, nil) }
    let memory = reserve(bytes.count)
    memory.copyMemory(from: start, byteCount: bytes.count)
    return (bytes.count, memory.assumingMemoryBound(to: UInt8.self))
  }

  /// The elements of a repeated number field.
  @inlinable
  public func scalars<Element: BitwiseCopyable>(
    _ list: [Element]
  ) -> UnsafeMutablePointer<Element>? {
    guard !list.isEmpty else { return nil }
    let memory = reserve(list.count * MemoryLayout<Element>.stride)
      .bindMemory(to: Element.self, capacity: list.count)
    list.withUnsafeBufferPointer {
      if let start = $0.baseAddress { memory.initialize(from: start, count: list.count) }
    }
    return memory
  }

  /// The elements of a repeated bool field.
  public func bools(_ list: [Bool]) -> UnsafeMutablePointer<Int32>? {
    scalars(list.map { $0 ? 1 : 0 })
  }

  /// The elements of a repeated enum field.
  public func enums(_ list: [some ProtoEnum]) -> UnsafeMutablePointer<Int32>? {
    scalars(list.map(\.rawValue))
  }

  /// The elements of a repeated string field.
  @inlinable
  public func strings<C>(_ list: [String]) -> UnsafeMutablePointer<C>? {
    blobs(list.count) { copy(list[$0]) }
  }

  /// The elements of a repeated bytes field.
  @inlinable
  public func strings<C>(_ list: [[UInt8]]) -> UnsafeMutablePointer<C>? {
    blobs(list.count) { copy(list[$0]) }
  }

  @usableFromInline
  func blobs<C>(
    _ count: Int, _ element: (Int) -> (Int, UnsafeMutablePointer<UInt8>?)
  ) -> UnsafeMutablePointer<C>? {
    guard count > 0 else { return nil }
    let memory = reserve(count * MemoryLayout<BinaryData>.stride)
    for index in 0..<count {
      let (length, data) = element(index)
      memory.storeBytes(
        of: BinaryData(length: length, data: data),
        toByteOffset: index * MemoryLayout<BinaryData>.stride, as: BinaryData.self)
    }
    return memory.assumingMemoryBound(to: C.self)
  }

  /// A message's struct.
  @inlinable
  public func message<C>(_ message: some Message) -> UnsafeMutablePointer<C> {
    message.structure(in: self).assumingMemoryBound(to: C.self)
  }

  /// The elements of a repeated message field.
  @inlinable
  public func messages<C>(
    _ list: [some Message]
  ) -> UnsafeMutablePointer<UnsafeMutablePointer<C>?>? {
    guard !list.isEmpty else { return nil }
    let memory = reserve(list.count * MemoryLayout<UnsafeMutablePointer<C>?>.stride)
      .bindMemory(to: UnsafeMutablePointer<C>?.self, capacity: list.count)
    for index in list.indices {
      (memory + index).initialize(to: message(list[index]))
    }
    return memory
  }

  /// The entries of a map field, in the order of their keys: equal messages have equal bytes.
  @inlinable
  public func entries<C, Key: ProtoMapKey, Value>(
    _ map: [Key: Value], _ fill: (Key, Value, UnsafeMutablePointer<C>) -> Void
  ) -> UnsafeMutablePointer<UnsafeMutablePointer<C>?>? {
    guard !map.isEmpty else { return nil }
    let memory = reserve(map.count * MemoryLayout<UnsafeMutablePointer<C>?>.stride)
      .bindMemory(to: UnsafeMutablePointer<C>?.self, capacity: map.count)
    var next = memory
    for (key, value) in map.sorted(by: { Key.precedes($0.key, $1.key) }) {
      let entry = make(C.self)
      fill(key, value, entry)
      next.initialize(to: entry)
      next += 1
    }
    return memory
  }
}

/// The layout of libprotobuf-c's ProtobufCBinaryData.
@usableFromInline
struct BinaryData: BitwiseCopyable {
  @usableFromInline var length: Int
  @usableFromInline var data: UnsafeMutablePointer<UInt8>?

  @usableFromInline
  init(length: Int, data: UnsafeMutablePointer<UInt8>?) {
    self.length = length
    self.data = data
  }
}
