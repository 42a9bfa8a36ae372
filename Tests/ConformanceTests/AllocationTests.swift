import Foundation
import TestKit
import Testing

/// How many blocks of memory the hottest paths ask for, in the build that tests run in. Nobody
/// makes them dearer without saying so in `allocations.txt`.
@Suite("Allocations of the hottest paths")
struct AllocationTests {
  private static let names = [
    "unary-server", "unary-client", "stream-server-message", "decode-request", "encode-answer",
  ]

  private static let counted = Task { () -> [String: Double]? in
    let said = try await Peer.run(try Peer.program("AllocationProbe"), [])
    return said == ["not counted"] ? nil : numbers(said)
  }

  private static func numbers(_ lines: [String]) -> [String: Double] {
    let pairs = lines.compactMap { line -> (String, Double)? in
      let words = line.split(separator: " ")
      guard words.count == 2, let number = Double(words[1]) else { return nil }
      return (String(words[0]), number)
    }
    return Dictionary(pairs, uniquingKeysWith: { $1 })
  }

  private static func limits() throws -> [String: Double] {
    let path = Checkout.root.appending(path: "Tests/ConformanceTests/allocations.txt")
    let text = String(decoding: try Data(contentsOf: path), as: UTF8.self)
    return numbers(text.split(separator: "\n").map(String.init))
  }

  @Test("a path asks for no more blocks than it may", arguments: names)
  func limit(name: String) async throws {
    guard let counted = try await Self.counted.value else { return }
    let count = try #require(counted[name], "the probe said nothing of \(name): \(counted)")
    let limit = try #require(try Self.limits()[name])
    #expect(count <= limit, "\(name)")
  }
}
