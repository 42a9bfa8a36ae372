import Foundation
import Testing

/// What the fuzzers run, without a fuzzer: every committed input, and inputs near it. One after the
/// other, as a target may count what it leaves behind.
@Suite(.serialized) struct ReplayTests {
  @Test("no committed input breaks a promise", arguments: FuzzTarget.all.map(\.name))
  func corpus(name: String) throws {
    let target = try #require(FuzzTarget.all.first { $0.name == name })
    let inputs = try Self.inputs(of: name)
    #expect(!inputs.isEmpty, "\(name) has no seeds")
    for (file, bytes) in inputs { Self.run(target, bytes, "\(name)/\(file)") }
  }

  /// Not a search, as it learns nothing: a net under parsers that the short fuzzing leaves out.
  @Test("inputs near the committed ones break none", arguments: FuzzTarget.all.map(\.name))
  func neighbours(name: String) throws {
    let target = try #require(FuzzTarget.all.first { $0.name == name })
    let inputs = try Self.inputs(of: name)
    let wanted = ProcessInfo.processInfo.environment["CLIENTELE_FUZZ_ROUNDS"] ?? ""
    // The same every time, so that a failure can be seen again.
    var dice = Dice(state: 20_26)
    for round in 0..<(Int(wanted) ?? 400) {
      let (file, bytes) = inputs[round % inputs.count]
      let near = Self.change(bytes, &dice)
      Self.run(target, near, "\(name)/\(file) changed to \(Data(near).base64EncodedString())")
    }
  }

  private static func run(_ target: FuzzTarget, _ bytes: [UInt8], _ what: String) {
    do {
      try target.run(bytes)
    } catch {
      Issue.record("\(what): \(error)")
    }
  }

  private static func inputs(of name: String) throws -> [(file: String, bytes: [UInt8])] {
    // Sources/Replay/ReplayTests.swift stands three steps below.
    var folder = URL(filePath: #filePath)
    for _ in 0..<3 { folder.deleteLastPathComponent() }
    folder.append(path: "Corpus/\(name)")
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    return try files.map { [folder] in
      ($0, [UInt8](try Data(contentsOf: folder.appending(path: $0))))
    }
  }

  private static func change(_ bytes: [UInt8], _ dice: inout Dice) -> [UInt8] {
    var bytes = bytes
    for _ in 0...Int.random(in: 0...3, using: &dice) {
      guard !bytes.isEmpty else { return [UInt8.random(in: 0...255, using: &dice)] }
      let place = Int.random(in: 0..<bytes.count, using: &dice)
      switch Int.random(in: 0...4, using: &dice) {
      case 0: bytes[place] = UInt8.random(in: 0...255, using: &dice)
      case 1: bytes[place] ^= 1 << UInt8.random(in: 0...7, using: &dice)
      case 2: bytes.remove(at: place)
      case 3: bytes.insert(UInt8.random(in: 0...255, using: &dice), at: place)
      default: bytes.insert(contentsOf: bytes[place...].prefix(64), at: place)
      }
    }
    return bytes
  }

  /// Knuth's linear congruence; the high half is random enough for this.
  private struct Dice: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let high = state >> 32
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return high << 32 | state >> 32
    }
  }
}
