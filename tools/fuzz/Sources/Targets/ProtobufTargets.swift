import Protobuf
import TestProtosAPI

/// Bytes as a message: the pre-scan, the C library and the generated reader behind it. What they
/// take must survive being written and read again.
enum DecodeTarget {
  static func run(_ bytes: [UInt8]) throws {
    guard let first = bytes.first else { return }
    try read(MessageTypes.type(first), Array(bytes.dropFirst()))
  }

  private static func read<Read: Message>(_ type: Read.Type, _ bytes: [UInt8]) throws {
    let message: Read
    do {
      message = try Read(serialized: bytes)
    } catch {
      return try compare(type, bytes, nil)
    }
    let written = message.serialized()
    let again = try Read(serialized: written)
    try expect(again.serialized() == written, "\(type) changes when read again")
    try compare(type, bytes, message)
  }

  /// The reader of tools, which has no generated code, must say the same of the test messages.
  private static func compare<Read: Message>(
    _ type: Read.Type, _ bytes: [UInt8], _ message: Read?
  ) throws {
    guard type == Everything.self else { return }
    let dynamic = try? DynamicMessage(
      serialized: bytes, as: Read.fullName, in: DescriptorsTarget.known)
    try expect((dynamic == nil) == (message == nil), "only one reader takes it")
    guard let dynamic, let message else { return }
    try expect(dynamic.json == message.json, "the readers differ")
  }
}

/// JSON as a message: what is taken must come out as it went in.
enum MappingTarget {
  static func run(_ bytes: [UInt8]) throws {
    guard let first = bytes.first,
      let json = try? JSONValue(utf8: Array(bytes.dropFirst()))
    else { return }
    try read(MessageTypes.type(first), json)
  }

  private static func read<Read: Message>(_ type: Read.Type, _ json: JSONValue) throws {
    let message: Read
    do {
      message = try Read(json: json)
    } catch {
      // Errors are shown to callers, so they are written as well.
      try expect(!"\(error)".isEmpty, "an error without words")
      return
    }
    let printed = message.jsonUTF8
    let again = try Read(jsonUTF8: printed)
    try expect(again.serialized() == message.serialized(), "\(type) changes when read again")
  }
}

/// JSON alone.
enum JSONTarget {
  static func run(_ bytes: [UInt8]) throws {
    guard let value = try? JSONValue(utf8: bytes) else { return }
    let printed = value.utf8
    let again = try JSONValue(utf8: printed)
    try expect(again == value, "printed JSON reads differently")
    try expect(try JSONValue(utf8: value.prettyUTF8) == value, "indented JSON reads differently")
  }
}

/// Descriptors that a server's reflection may tell a tool, and messages read by them.
enum DescriptorsTarget {
  static let known =
    (try? DescriptorPool(fileDescriptorSet: TestProtosFiles.descriptorSet)) ?? DescriptorPool()

  static func run(_ bytes: [UInt8]) throws {
    var input = FuzzInput(bytes)
    let body = input.bytes(Int(input.byte()))
    guard let pool = try? DescriptorPool(fileDescriptorSet: input.remainder()) else { return }
    for name in pool.messageNames.prefix(8) {
      guard let message = try? DynamicMessage(serialized: body, as: name, in: pool) else {
        continue
      }
      _ = message.serialized()
      let json = message.json
      _ = try? DynamicMessage(json: json, as: name, in: pool)
    }
  }
}
