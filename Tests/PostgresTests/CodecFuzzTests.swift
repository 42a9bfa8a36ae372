import FoundationEssentials
import Testing

@testable import Postgres

/// Bytes that PostgreSQL would never send must be refused, and never stop the process.
@Suite struct CodecFuzzTests {
  private enum Colour: String, PostgresEnum { case red, green }

  private static func tries<Value: PostgresValue>(_ type: Value.Type) -> (UnsafeRawBufferPointer?)
    -> Void
  {
    { bytes in
      guard let value = try? Value.decode(bytes) else { return }
      // What was taken can be written, shown and read again.
      var encoded: [UInt8] = []
      value.encode(into: &encoded)
      _ = "\(value)"
      encoded.withUnsafeBytes { _ = try? Value.decode($0) }
    }
  }

  private static func decoders() -> [(UnsafeRawBufferPointer?) -> Void] {
    [
      tries(UUID.self), tries(Date.self), tries(PostgresTimestamp.self), tries(PostgresDate.self),
      tries(String.self), tries(Int.self), tries(Int16.self), tries(Bool.self), tries(Double.self),
      tries([UInt8].self), tries(JSONB.self), tries(TransactionID.self),
      tries(PostgresDecimal.self),
      tries([Int].self), tries([String?].self), tries([UUID].self), tries([PostgresDecimal].self),
      tries([[UInt8]].self), tries([JSONB].self), tries(Colour.self), tries(Colour?.self),
      tries([Colour].self), tries(Int?.self), tries([[Int]].self),
    ]
  }

  /// Small numbers and lengths, where formats turn on them.
  private static func bytes(_ random: inout Jitter) -> [UInt8] {
    let count = Int.random(in: 0...48, using: &random)
    let isSmall = Bool.random(using: &random)
    return (0..<count).map { index in
      let byte = UInt8.random(in: 0...255, using: &random)
      return isSmall && !index.isMultiple(of: 4) == Bool.random(using: &random) ? byte & 3 : byte
    }
  }

  @Test("random bytes", arguments: 0..<16)
  func randomBytes(seed: UInt64) {
    var random = Jitter(state: seed)
    let decoders = Self.decoders()
    for _ in 0..<1_000 {
      let bytes = Self.bytes(&random)
      for decode in decoders { bytes.withUnsafeBytes { decode($0) } }
    }
    for decode in decoders { decode(nil) }
  }

  private static func samples() -> [[UInt8]] {
    func encoded(_ values: any PostgresValue...) -> [[UInt8]] {
      values.map { value in
        var bytes: [UInt8] = []
        value.encode(into: &bytes)
        return bytes
      }
    }
    return encoded(
      UUID(), Date(timeIntervalSince1970: 1), PostgresDate(daysSince1970: 1), "text", 7, true, 1.5,
      [UInt8]([1, 2]), JSONB("{}"), [1, 2, 3], ["a", nil, "c"], [[UInt8]([1])],
      PostgresDecimal("-12345.678") ?? PostgresDecimal(minorUnits: 1, scale: 0), Colour.red)
  }

  @Test("true values with a bit turned, a byte gone or one too many", arguments: 0..<16)
  func mutations(seed: UInt64) {
    var random = Jitter(state: seed)
    let samples = Self.samples()
    let decoders = Self.decoders()
    for _ in 0..<1_000 {
      guard var bytes = samples.randomElement(using: &random) else { return }
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        let place = Int.random(in: 0...bytes.count, using: &random)
        switch Int.random(in: 0..<3, using: &random) {
        case 0 where place < bytes.count:
          bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 1 where place < bytes.count: bytes.remove(at: place)
        default: bytes.insert(UInt8.random(in: 0...255, using: &random), at: place)
        }
      }
      for decode in decoders { bytes.withUnsafeBytes { decode($0) } }
    }
  }

  private struct Mixed: PostgresRow {
    init(from columns: inout ColumnReader) throws(PostgresError) {
      _ = try columns.next(Int?.self)
      _ = try columns.next(String.self)
      _ = try columns.next([Int].self)
    }
  }

  @Test("rows whose cells do not add up")
  func rows() {
    var random = Jitter(state: 9)
    for _ in 0..<20_000 {
      let block = RowBlock(
        rows: Int.random(in: 0...4, using: &random),
        columns: Int.random(in: 0...4, using: &random), bytes: Self.bytes(&random))
      _ = try? block.decode(Mixed.self)
      _ = try? block.decode(String.self)
    }
  }
}
