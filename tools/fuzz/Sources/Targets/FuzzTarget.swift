/// One thing that is fuzzed: a name, and what is done with the bytes the fuzzer invents.
struct FuzzTarget: Sendable {
  /// Also the folder of its corpus.
  let name: String
  /// Throws `Finding` when a promise was broken; refusing the bytes is no finding.
  let run: @Sendable ([UInt8]) throws -> Void

  /// Every target, in the order they are run.
  static let all: [FuzzTarget] = wire + edge

  private static let wire = [
    FuzzTarget(name: "session-server", run: SessionTarget.server),
    FuzzTarget(name: "session-client", run: SessionTarget.client),
    FuzzTarget(name: "headers", run: HeadersTarget.run),
    FuzzTarget(name: "server", run: ServerTarget.run),
    FuzzTarget(name: "client", run: ClientTarget.run),
    FuzzTarget(name: "framing", run: FramingTarget.run),
    FuzzTarget(name: "gzip", run: GzipTarget.run),
    FuzzTarget(name: "fields", run: FieldsTarget.run),
    FuzzTarget(name: "decode", run: DecodeTarget.run),
    FuzzTarget(name: "mapping", run: MappingTarget.run),
    FuzzTarget(name: "json", run: JSONTarget.run),
    FuzzTarget(name: "descriptors", run: DescriptorsTarget.run),
  ]

  #if FUZZ_EDGE
    private static let edge = [
      FuzzTarget(name: "gateway", run: GatewayTarget.run),
      FuzzTarget(name: "texts", run: TextsTarget.run),
    ]
  #else
    private static let edge: [FuzzTarget] = []
  #endif
}

/// A promise that some bytes broke.
struct Finding: Error, CustomStringConvertible {
  let description: String
}

/// Throws unless the promise was kept.
func expect(_ isKept: Bool, _ promise: @autoclosure () -> String) throws {
  guard isKept else { throw Finding(description: promise()) }
}

/// The fuzzer's bytes, taken from the front; past their end all is zero.
struct FuzzInput {
  private var rest: ArraySlice<UInt8>

  init(_ bytes: [UInt8]) { rest = bytes[...] }

  var isEmpty: Bool { rest.isEmpty }

  mutating func byte() -> UInt8 { rest.popFirst() ?? 0 }

  mutating func number() -> Int { Int(byte()) << 8 | Int(byte()) }

  /// At most so many bytes.
  mutating func bytes(_ count: Int) -> [UInt8] {
    let taken = Array(rest.prefix(count))
    rest = rest.dropFirst(count)
    return taken
  }

  /// All that is left.
  mutating func remainder() -> [UInt8] { bytes(rest.count) }
}
