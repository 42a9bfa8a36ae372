import Protobuf
import TestProtosAPI
import Testing

@Suite struct MessageTemplateTests {
  private func template(_ json: JSONValue) throws -> MessageTemplate {
    try MessageTemplate(json: json, as: Everything.fullName, in: try #require(Sample.pool)) {
      $0.hasPrefix("{{")
    }
  }

  @Test("without gaps it is the message")
  func fixed() throws {
    let template = try template(Sample.full.json)
    #expect(!template.hasGaps)
    let bytes = try template.serialized { _ in "" }
    let same = try Everything(serialized: Sample.full.serialized())
    #expect(try Everything(serialized: bytes) == same)
  }

  @Test("gaps of every kind are filled as if they had been written")
  func gaps() throws {
    let fills = [
      "{{text}}": "Zoë", "{{number}}": "-42", "{{time}}": "2026-01-31T10:00:00Z",
      "{{color}}": "COLOR_RED", "{{bytes}}": "AQID", "{{empty}}": "",
    ]
    let gapped: JSONValue = [
      "oneInt32": "{{number}}", "oneSint64": "{{number}}", "oneString": "{{text}}",
      "oneBytes": "{{bytes}}", "timestamp": "{{time}}", "maybeString": "{{empty}}",
      "oneInner": ["name": "{{text}}", "numbers": [1, "{{number}}"], "deeper": ["n": 3]],
      "manyString": ["a", "{{text}}", "{{empty}}"], "byString": ["k": "{{text}}"],
      "oneBool": true, "oneUint32": 7,
    ]
    let template = try template(gapped)
    #expect(template.hasGaps)
    let bytes = try template.serialized { fills[$0] ?? "" }
    let filled = String(decoding: gapped.utf8, as: UTF8.self)
    let written = fills.reduce(filled) { $0.replacing($1.key, with: $1.value) }
    let expected = try Everything(json: JSONValue(utf8: Array(written.utf8)))
    #expect(try Everything(serialized: bytes) == expected)
  }

  @Test("what does not fit is refused when it is known")
  func misfits() throws {
    #expect(throws: JSONMappingError.self) { try template(["oneInt32": "seven"]) }
    #expect(throws: JSONMappingError.self) { try template(["none": "{{x}}"]) }
    #expect(throws: JSONMappingError.self) { try template(["none": 1, "oneString": "{{x}}"]) }
    let number = try template(["oneInt32": "{{x}}"])
    #expect(throws: JSONMappingError.self) { try number.serialized { _ in "seven" } }
  }
}
