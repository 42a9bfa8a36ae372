import BenchAPI

@testable import GRPC
@testable import HTTP2

/// The cutter of bodies: however the bytes are cut into pieces, the messages are the same, and no
/// more is held than a message may have.
enum FramingTarget {
  static func run(_ bytes: [UInt8]) throws {
    var input = FuzzInput(bytes)
    let shape = input.byte()
    let limit = shape & 1 == 0 ? 64 : 64 << 10
    let encoding = shape & 2 == 0 ? Compression.identity : .gzip
    let size = Int(input.byte()) + 1
    let body = input.remainder()
    let whole = try messages(body, limit: limit, encoding, size: max(1, body.count))
    let pieces = try messages(body, limit: limit, encoding, size: size)
    try expect(whole == pieces, "cutting the body changes its messages")
  }

  private struct Outcome: Equatable {
    var messages: [[UInt8]] = []
    var code: StatusCode?
    var isInside = false
  }

  private static func messages(
    _ body: [UInt8], limit: Int, _ encoding: Compression, size: Int
  ) throws -> Outcome {
    var assembler = MessageAssembler(limit: limit, encoding: encoding)
    var outcome = Outcome()
    var rest = body[...]
    while !rest.isEmpty, outcome.code == nil {
      let piece = Array(rest.prefix(size))
      rest = rest.dropFirst(size)
      do throws(RPCError) {
        try piece.lend { raw throws(RPCError) in
          try assembler.add(raw) { bytes, _ in outcome.messages.append(Array(bytes)) }
        }
      } catch {
        outcome.code = error.code
      }
      try expect(assembler.heldBytes <= limit, "\(assembler.heldBytes) bytes are held")
    }
    if outcome.code == nil { outcome.isInside = assembler.isInsideMessage }
    try expect(outcome.messages.allSatisfy { $0.count <= limit }, "a message above the limit")
    return outcome
  }
}

/// gzip: what is packed comes back, and what comes from outside never grows past the limit.
enum GzipTarget {
  static func run(_ bytes: [UInt8]) throws {
    let packed = try Gzip.deflate(bytes)
    let again = try packed.withUnsafeBytes { (raw) throws(RPCError) in
      try Gzip.inflate(raw, limit: bytes.count)
    }
    try expect(again == bytes, "gzip changes the bytes")
    for limit in [0, 1, 300, 64 << 10] {
      let inflated = try? bytes.withUnsafeBytes { (raw) throws(RPCError) in
        try Gzip.inflate(raw, limit: limit)
      }
      try expect((inflated?.count ?? 0) <= limit, "more than \(limit) bytes come out")
    }
  }
}

/// The head of a call, and the small codings in it.
enum FieldsTarget {
  private static let router = Router([ServiceBinding(EchoMethods.service, [])])

  static func run(_ bytes: [UInt8]) throws {
    try codings(bytes)
    // As many fields as there are lines, name and value parted by the first blank.
    var turn = Turn()
    for line in bytes.split(separator: 10).prefix(64) {
      let parts = line.split(separator: 32, maxSplits: 1, omittingEmptySubsequences: false)
      let name = Array(parts[0])
      let value = parts.count == 2 ? Array(parts[1]) : []
      turn.fields.append(
        Turn.Extent(start: turn.bytes.count, name: name.count, value: value.count))
      (name + value).withUnsafeBytes { turn.bytes.append($0) }
    }
    turn.bytes.withUnsafeBytes { bytes in
      turn.fields.withUnsafeBufferPointer { extents in
        let head = RequestHead(ReceivedFields(bytes: bytes, extents: extents), router: router)
        _ = head.metadata.entries.count
      }
    }
  }

  private static func codings(_ bytes: [UInt8]) throws {
    try bytes.withUnsafeBytes { raw in
      if let timeout = WireTimeout.parse(raw) {
        try expect(timeout >= .zero, "a negative timeout")
        let again = Array(WireTimeout.text(timeout).utf8)
        let read = again.withUnsafeBytes { WireTimeout.parse($0) }
        try expect(read.map { $0 <= timeout } == true, "a timeout grows on its way")
      }
      let text = PercentText.decode(raw)
      let encoded = PercentText.encode(text)
      try expect(
        encoded.withUnsafeBytes { PercentText.decode($0) } == text, "a message changes on its way")
    }
    try expect(WireBase64.decode(WireBase64.encode(bytes)) == bytes, "base64 changes the bytes")
    if let decoded = WireBase64.decode(bytes) {
      try expect(WireBase64.decode(WireBase64.encode(decoded)) == decoded, "base64 is not stable")
    }
  }
}
