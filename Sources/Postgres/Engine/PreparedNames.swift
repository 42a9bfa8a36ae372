import CLibPQ

/// Which statements a connection has, and under which names.
struct PreparedNames {
  /// By statement number: whether it is prepared here, or about to be.
  private var prepared: [Bool] = []
  /// By statement number: the name's suffix, raised when a plan went stale; 0 for none.
  private var forms: [UInt32] = []
  /// By statement number: the types of its first use here; 0 before that.
  private var signatures: [UInt32] = []

  /// Whether a statement's parameters have the types of its first use. PostgreSQL would read the
  /// bytes of others as if they had: 0.1 as an integer, if the first was one.
  mutating func accepts(_ text: StatementText, signature: UInt32) -> Bool {
    while signatures.count <= text.number { signatures.append(0) }
    if signatures[text.number] == 0 { signatures[text.number] = signature }
    return signatures[text.number] == signature
  }

  /// Notes that a statement is about to be prepared.
  /// - Returns: false when it is there already.
  mutating func add(_ text: StatementText) -> Bool {
    while prepared.count <= text.number {
      prepared.append(false)
      forms.append(0)
    }
    guard !prepared[text.number] else { return false }
    prepared[text.number] = true
    return true
  }

  func withName<Result>(
    of text: StatementText, _ body: (UnsafePointer<CChar>) -> Result
  ) -> Result {
    let form = forms[text.number]
    guard form > 0 else { return body(text.nameCString) }
    return "\(text.name)_\(form)".withCString(body)
  }

  mutating func forget(_ text: StatementText) {
    if prepared.indices.contains(text.number) { prepared[text.number] = false }
  }

  mutating func forgetAll() {
    for index in prepared.indices { prepared[index] = false }
  }

  mutating func outdate(_ text: StatementText) {
    forget(text)
    if forms.indices.contains(text.number) { forms[text.number] &+= 1 }
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
