import Testing

@testable import GRPC

@Suite struct WireTests {
  @Test("messages come out whole however the body is cut", arguments: 1...17)
  func assembler(size: Int) throws {
    let messages: [[UInt8]] = [[], [1], Array(0..<100), [], Array(50..<90)]
    var body: [UInt8] = []
    for message in messages {
      let head = MessageAssembler.head(of: message)
      body += (0..<5).map { UInt8(truncatingIfNeeded: head >> UInt64(8 * $0)) } + message
    }
    var assembler = MessageAssembler(limit: 100)
    var out: [[UInt8]] = []
    for start in stride(from: 0, to: body.count, by: size) {
      try Array(body[start..<min(body.count, start + size)]).withUnsafeBytes {
        try assembler.add($0) { message, _ in out.append(Array(message)) }
      }
    }
    #expect(out == messages)
    #expect(!assembler.isInsideMessage)
  }

  @Test(
    "lengths above the limit and compressed messages are refused",
    arguments: [
      ([0, 0, 0, 0, 101], StatusCode.resourceExhausted),
      ([0, 255, 255, 255, 255], .resourceExhausted),
      ([1, 0, 0, 0, 1], .internalError),
      ([9, 0, 0, 0, 1], .internalError),
    ] as [([UInt8], StatusCode)])
  func refused(prefix: [UInt8], code: StatusCode) {
    var assembler = MessageAssembler(limit: 100)
    let error = #expect(throws: RPCError.self) {
      try prefix.withUnsafeBytes { try assembler.add($0) { _, _ in } }
    }
    #expect(error?.code == code)
    #expect(assembler.heldBytes == 0)
  }

  @Test("base64 of every length goes there and back, padded or not")
  func base64() {
    for count in 0..<70 {
      let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ count) }
      let text = WireBase64.encode(bytes)
      #expect(WireBase64.decode(text) == bytes)
      let padding = [UInt8](repeating: 0x3d, count: (4 - text.count % 4) % 4)
      #expect(WireBase64.decode(text + padding) == bytes)
    }
    for bad in ["a", "a===", "=a", "ab=c", "ab cd", "%%"] {
      #expect(WireBase64.decode(Array(bad.utf8)) == nil, "\(bad)")
    }
  }

  @Test("a text survives the escapes of grpc-message")
  func percent() {
    for text in ["", "plain", "50 %", "é\n\u{0}\u{7f}", "%41", "日本"] {
      let encoded = PercentText.encode(text)
      #expect(encoded.allSatisfy { $0 >= 0x20 && $0 <= 0x7e })
      #expect(encoded.withUnsafeBytes { PercentText.decode($0) } == text)
    }
    let damaged = Array("%4 %zz %".utf8)
    #expect(damaged.withUnsafeBytes { PercentText.decode($0) } == "%4 %zz %")
  }

  @Test("timeouts are read in every unit, and written so that no hop adds time")
  func timeouts() {
    let cases: [(String, Duration?)] = [
      ("1H", .seconds(3_600)), ("2M", .seconds(120)), ("3S", .seconds(3)),
      ("4m", .milliseconds(4)), ("5u", .microseconds(5)), ("6n", .nanoseconds(6)),
      ("99999999H", .seconds(359_999_996_400)), ("123456789S", nil), ("S", nil), ("", nil),
      ("-1S", nil), ("1x", nil), ("1 S", nil),
    ]
    for (text, expected) in cases {
      let read = Array(text.utf8).withUnsafeBytes { WireTimeout.parse($0) }
      #expect(read == expected, "\(text)")
    }
    for length in [1, 99_999_999, 100_000_000, 12_345_678_901, Int64.max] as [Int64] {
      let text = WireTimeout.text(.nanoseconds(length))
      let read = Array(text.utf8).withUnsafeBytes { WireTimeout.parse($0) }
      #expect(read.map { $0 <= .nanoseconds(length) } == true, "\(text)")
    }
    #expect(WireTimeout.text(.seconds(-1)) == "0n")
  }

  @Test("pairs that would break the connection are left out")
  func metadata() {
    var metadata = Metadata()
    for (key, value) in [
      ("", "a"), ("grpc-status", "0"), ("te", "x"), ("bad key", "a"), ("x", "line\nbreak"),
      ("x", "é"), ("x-bin", "text"), (":path", "/"),
    ] {
      let isTaken = metadata.append(value, for: key)
      #expect(!isTaken, "\(key)")
    }
    let isTaken = metadata.append(binary: [1], for: "x")
    #expect(!isTaken)
    #expect(metadata.isEmpty)
  }

  @Test("moments far away do not overflow")
  func deadlines() {
    #expect(Deadline.after(.seconds(Int64.max)) == .distantFuture)
    #expect(Deadline.after(.seconds(Int64.min)).hasPassed)
    #expect(Deadline.after(.seconds(-1)).remaining == .zero)
    #expect(Deadline.distantFuture.advanced(by: .seconds(-5)) == .distantFuture)
    #expect(!Deadline.distantFuture.hasPassed)
  }
}
