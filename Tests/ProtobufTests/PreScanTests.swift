import Protobuf
import TestProtosAPI
import Testing

@Suite("The pre-scan bounds what bytes may cost")
struct PreScanTests {
  private func kind(_ bytes: [UInt8], limits: DecodingLimits = .standard) -> DecodeError.Kind? {
    do {
      _ = try Everything(serialized: bytes, limits: limits)
      return nil
    } catch { return error.kind }
  }

  /// A message field around bytes.
  private func wrapped(_ bytes: [UInt8], field: UInt8 = 2) -> [UInt8] {
    var header = [field << 3 | 2]
    var length = bytes.count
    while length >= 0x80 {
      header.append(UInt8(length & 0x7F) | 0x80)
      length >>= 7
    }
    return header + [UInt8(length)] + bytes
  }

  /// Field 2 of a message is the same message again: what the generator refuses to make.
  private let recursive = WireTable([[.init(1, .varint), .init(2, .message, 0)]])

  private func recursiveKind(_ bytes: [UInt8]) -> DecodeError.Kind? {
    bytes.withUnsafeBytes { raw -> DecodeError.Kind? in
      do throws(DecodeError) {
        try recursive.check(raw, limits: .standard)
        return nil
      } catch { return error.kind }
    }
  }

  @Test func sixteenLevelsPassAndSeventeenDoNot() throws {
    var bytes: [UInt8] = [8, 1]
    for _ in 0..<15 { bytes = wrapped(bytes) }
    #expect(recursiveKind(bytes) == nil)
    #expect((try? Level1(serialized: bytes)) != nil)
    bytes = wrapped(bytes)
    #expect(recursiveKind(bytes) == .tooDeep)
    #expect(throws: DecodeError.self) { try Level1(serialized: bytes) }
  }

  @Test func thousandsOfLevelsAreRefused() {
    var bytes: [UInt8] = []
    while bytes.count < 34_000 { bytes = wrapped(bytes) }
    #expect(recursiveKind(bytes) == .tooDeep)
    #expect(throws: DecodeError.self) { try Level1(serialized: bytes) }
    // The same in a bytes field is only bytes.
    #expect(kind(wrapped(bytes, field: 15)) == nil)
  }

  @Test func tenThousandFieldsPassAndOneMoreDoesNot() {
    // Field 3, one_int32.
    let field: [UInt8] = [3 << 3, 1]
    #expect(kind(Array(repeatElement(field, count: 10_000).joined())) == nil)
    #expect(kind(Array(repeatElement(field, count: 10_001).joined())) == .tooManyFields)
  }

  @Test func packedElementsCountAsFields() throws {
    #expect(kind(Everything(manyInt32: Array(repeating: 1, count: 9_999)).serialized()) == nil)
    #expect(
      kind(Everything(manyInt32: Array(repeating: 1, count: 10_000)).serialized()) == .tooManyFields
    )
    #expect(
      kind(Everything(manyDouble: Array(repeating: 1, count: 10_000)).serialized())
        == .tooManyFields)
  }

  @Test func sixtyFourUnknownFieldsPassAndOneMoreDoesNot() {
    // Field 1000.
    let unknown: [UInt8] = [0xC0, 0x3E, 1]
    #expect(kind(Array(repeatElement(unknown, count: 64).joined())) == nil)
    #expect(kind(Array(repeatElement(unknown, count: 65).joined())) == .tooManyUnknownFields)
  }

  @Test func stringsAreUTF8WithoutNUL() {
    func string(_ text: [UInt8]) -> [UInt8] { wrapped(text, field: 14) }
    #expect(kind(string(Array("a@b.example".utf8))) == nil)
    #expect(kind(string(Array("a@b.example\0evil".utf8))) == .nulInString)
    #expect(kind(string(Array("0123456789abcdef\0".utf8))) == .nulInString)
    let bad: [[UInt8]] = [
      [0x80], [0xC0, 0x80], [0xC1, 0xBF], [0xC3], [0xE0, 0x9F, 0xBF], [0xED, 0xA0, 0x80],
      [0xE2, 0x82], [0xF0, 0x8F, 0xBF, 0xBF], [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80],
      [0xFF], [0xE2, 0x28, 0xA1], Array("01234567".utf8) + [0xFE],
    ]
    for text in bad { #expect(kind(string(text)) == .invalidUTF8, "\(text)") }
    let good = ["é", "€", "𝄞", "\u{10FFFF}", "\u{FFFF}", "0123456é", "01234567€"]
    for text in good { #expect(kind(string(Array(text.utf8))) == nil) }
    // Keys of maps are strings too; bytes may hold anything.
    #expect(kind(Everything(bytesOf: ["k": [0, 0xFF]]).serialized()) == nil)
  }

  @Test func numbersThatAreTooLongAreRefused() {
    let nine = [UInt8](repeating: 0xFF, count: 9)
    #expect(kind([3 << 3] + nine + [0x01]) == nil)
    #expect(kind([3 << 3] + nine + [0x02]) == .malformedVarint)
    #expect(kind([3 << 3] + nine + [0x81, 0x00]) == .malformedVarint)
    #expect(kind([3 << 3] + [UInt8](repeating: 0x80, count: 9) + [0x00]) == nil)
    #expect(kind([0x00, 0x00]) == .malformedTag)
    #expect(kind([0xF8, 0xFF, 0xFF, 0xFF, 0x7F, 0x00]) == .malformedVarint)
    #expect(kind([14 << 3 | 2] + nine + [0x01]) == .truncated)
    // A tag of five bytes may say what one of one says; six are refused whatever they say.
    #expect(kind([0x98, 0x80, 0x80, 0x80, 0x00, 0x01]) == nil)
    #expect(kind([0x98, 0x80, 0x80, 0x80, 0x80, 0x00, 0x01]) == .malformedVarint)
  }

  @Test func wireTypesMustFit() {
    #expect(kind([3 << 3 | 5, 0, 0, 0, 0]) == .wrongWireType)
    #expect(kind([14 << 3, 0]) == .wrongWireType)
    #expect(kind([3 << 3 | 3]) == .wrongWireType)
    #expect(kind([0xC3, 0x3E]) == .group)
    #expect(kind([0xC6, 0x3E]) == .malformedTag)
  }

  @Test func everyPrefixIsReadOrRefusedInGoodOrder() {
    let bytes = Sample.full.serialized()
    for count in 0..<bytes.count {
      do {
        _ = try Everything(serialized: bytes.prefix(count))
      } catch { #expect(error.kind == .truncated) }
    }
  }

  @Test func mutatedBytesNeverReachTheLibraryUnchecked() {
    let bytes = Sample.full.serialized()
    var random = SplitMix(state: 42)
    for _ in 0..<20_000 {
      var mutated = bytes
      for _ in 0..<(1 + random.next() % 4) {
        mutated[Int(random.next() % UInt64(mutated.count))] = UInt8(
          truncatingIfNeeded: random.next())
      }
      do {
        let message = try Everything(serialized: mutated)
        #expect((try? Everything(serialized: message.serialized())) != nil)
      } catch {
        // What passes the pre-scan, libprotobuf-c takes.
        #expect(error.kind != .refused)
      }
    }
  }

  @Test func theBudgetEndsInAnError() throws {
    let bytes = Everything(manyInner: Array(repeating: Sample.inner, count: 1000)).serialized()
    #expect(kind(bytes) == nil)
    #expect(kind(bytes, limits: .init(arenaBytes: 50_000)) == .budgetExceeded)
    // The n-th allocation fails, for every n: an error each time, and never a crash.
    let small = Sample.full.serialized()
    var refusals = 0
    for budget in stride(from: 0, to: 60_000, by: 16) {
      if let kind = kind(small, limits: .init(arenaBytes: budget)) {
        #expect(kind == .budgetExceeded)
        refusals += 1
      }
    }
    #expect(refusals > 10)
  }

  @Test func theTallestMessageFitsTheStandardBudget() {
    let many = Everything(manyInner: Array(repeating: .init(), count: 9_999)).serialized()
    #expect(kind(many) == nil)
  }
}

/// A small generator of random numbers that starts anywhere.
struct SplitMix {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
