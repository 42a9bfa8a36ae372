import CLibPQ

/// Which statements a connection has, and under which names.
struct PreparedNames {
  private struct Entry {
    /// Whether it is prepared here, or about to be.
    var isPrepared = false
    /// The name's suffix, raised when a plan went stale; 0 for none.
    var form: UInt32 = 0
    /// The types of its first use here; 0 before that.
    var signature: UInt32 = 0
  }

  /// By statement number.
  private var entries: [Entry] = []

  /// Whether a statement's parameters have the types of its first use. PostgreSQL would read the
  /// bytes of others as if they had: 0.1 as an integer, if the first was one.
  mutating func accepts(_ text: StatementText, signature: UInt32) -> Bool {
    makeRoom(for: text)
    if entries[text.number].signature == 0 { entries[text.number].signature = signature }
    return entries[text.number].signature == signature
  }

  /// Notes that a statement is about to be prepared.
  /// - Returns: false when it is there already.
  mutating func add(_ text: StatementText) -> Bool {
    makeRoom(for: text)
    guard !entries[text.number].isPrepared else { return false }
    entries[text.number].isPrepared = true
    return true
  }

  private mutating func makeRoom(for text: StatementText) {
    while entries.count <= text.number { entries.append(Entry()) }
  }

  func withName<Result>(
    of text: StatementText, _ body: (UnsafePointer<CChar>) -> Result
  ) -> Result {
    let form = entries[text.number].form
    guard form > 0 else { return body(text.nameCString) }
    return "\(text.name)_\(form)".withCString(body)
  }

  mutating func forget(_ text: StatementText) {
    if entries.indices.contains(text.number) { entries[text.number].isPrepared = false }
  }

  mutating func forgetAll() {
    for index in entries.indices { entries[index].isPrepared = false }
  }

  mutating func outdate(_ text: StatementText) {
    forget(text)
    if entries.indices.contains(text.number) { entries[text.number].form &+= 1 }
  }
}

/// libpq's four arrays, pointing into a buffer of parameters. Kept, so that no call allocates them.
struct ParameterLayout {
  private(set) var values: [UnsafePointer<CChar>?] = []
  private(set) var lengths: [Int32] = []
  private(set) var formats: [Int32] = []
  private(set) var types: [Oid] = []

  var count: Int32 { Int32(truncatingIfNeeded: values.count) }

  /// Points into the parameters' buffer; good for as long as that is.
  mutating func lay(_ bytes: UnsafeRawBufferPointer, count: Int) {
    values.removeAll(keepingCapacity: true)
    lengths.removeAll(keepingCapacity: true)
    types.removeAll(keepingCapacity: true)
    while formats.count < count { formats.append(1) }
    var offset = 0
    for _ in 0..<count {
      types.append(UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
      let length = Int32(
        bigEndian: bytes.loadUnaligned(fromByteOffset: offset + 4, as: Int32.self))
      offset += 8
      lengths.append(max(0, length))
      if length < 0 {
        values.append(nil)
      } else {
        values.append(
          bytes.baseAddress.map { ($0 + offset).assumingMemoryBound(to: CChar.self) })
        offset += Int(length)
      }
    }
  }
}
