import Foundation
import Protobuf
import TestProtosAPI
import Testing

/// PyPI protobuf, another implementation, is the judge.
@Suite("The same messages as another implementation")
struct ConformanceTests {
  private let root = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  private func python(
    _ arguments: [String], input: URL? = nil, output: URL
  ) throws -> Int32 {
    let interpreter =
      ProcessInfo.processInfo.environment["CLIENTELE_PYTHON"]
      ?? root.appending(path: ".venv/bin/python").path
    let process = Process()
    process.executableURL = URL(filePath: interpreter)
    process.arguments = [root.appending(path: "scripts/json-conformance.py").path] + arguments
    if let input { process.standardInput = try FileHandle(forReadingFrom: input) }
    _ = FileManager.default.createFile(atPath: output.path, contents: nil)
    process.standardOutput = try FileHandle(forWritingTo: output)
    try process.run()
    process.waitUntilExit()
    return process.terminationStatus
  }

  /// A folder for the run, with the descriptors in it.
  private func workshop() throws -> URL {
    let folder = FileManager.default.temporaryDirectory
      .appending(path: "clientele-conformance-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try Data(TestProtosFiles.descriptorSet).write(to: folder.appending(path: "descriptors"))
    return folder
  }

  private func lines(_ file: URL) throws -> [String] {
    try String(contentsOf: file, encoding: .utf8).split(separator: "\n").map(String.init)
  }

  @Test func randomMessagesReadAndWriteAlike() throws {
    let folder = try workshop()
    defer { try? FileManager.default.removeItem(at: folder) }
    let descriptors = folder.appending(path: "descriptors").path
    let cases = folder.appending(path: "cases")
    let seed = UInt32.random(in: 0 ... .max)
    #expect(try python(["make", descriptors, "\(seed)", "400"], output: cases) == 0)
    let pool = try #require(Sample.pool)
    var answers = ""
    for line in try lines(cases) {
      let example = try JSONValue(utf8: Array(line.utf8))
      let wire = try #require(example["wire"]?.string.flatMap(Base64.decode))
      let json = try JSONValue(utf8: Array(try #require(example["json"]?.string).utf8))
      let generated = try Everything(serialized: wire)
      let dynamic = try DynamicMessage(serialized: wire, as: Everything.fullName, in: pool)
      let fromJSON = try Everything(json: json)
      let dynamicFromJSON = try DynamicMessage(json: json, as: Everything.fullName, in: pool)
      let answer: JSONValue = [
        "wire": .array(
          [
            generated.serialized(), dynamic.serialized(), fromJSON.serialized(),
            dynamicFromJSON.serialized(),
          ].map { .string(Base64.encode($0)) }),
        "json": .array(
          [generated.json, dynamic.json, fromJSON.json, dynamicFromJSON.json].map {
            .string(String(decoding: $0.utf8, as: UTF8.self))
          }),
      ]
      #expect(generated.json.utf8 == dynamic.json.utf8)
      answers += String(decoding: answer.utf8, as: UTF8.self) + "\n"
    }
    let results = folder.appending(path: "results")
    try Data(answers.utf8).write(to: results)
    let verdict = folder.appending(path: "verdict")
    let status = try python(["judge", descriptors, cases.path, results.path], output: verdict)
    let wrong = try lines(verdict).prefix(20)
    #expect(status == 0, "seed \(seed): \(wrong)")
  }

  @Test func jsonIsTakenAndRefusedAlike() throws {
    let folder = try workshop()
    defer { try? FileManager.default.removeItem(at: folder) }
    let texts = Self.texts
    let input = folder.appending(path: "texts")
    try Data((texts.joined(separator: "\n") + "\n").utf8).write(to: input)
    let output = folder.appending(path: "answers")
    let descriptors = folder.appending(path: "descriptors").path
    #expect(try python(["accept", descriptors], input: input, output: output) == 0)
    let answers = try lines(output)
    #expect(answers.count == texts.count)
    for (text, answer) in zip(texts, answers) {
      let message = try? Everything(jsonUTF8: Array(text.utf8))
      let expected: Everything?
      switch answer {
      case "refused": expected = nil
      case "empty": expected = Everything()
      default: expected = Base64.decode(answer).flatMap { try? Everything(serialized: $0) }
      }
      // Where json_format is laxer than the specification, we are not.
      if message == nil, expected != nil, Self.isLax(text) { continue }
      // By their bytes: NaN differs from itself.
      let isSame = message?.serialized() == expected?.serialized()
      #expect(isSame, "\(text) is \(answer) elsewhere")
    }
  }

  /// json_format takes bools as doubles, numbers in strings, fractions and bools as enum values, any
  /// characters in base64 and in masks, and empty arrays as messages.
  private static func isLax(_ text: String) -> Bool {
    let prefixes = [
      "{\"oneDouble\":true", "{\"oneDouble\":false", "{\"oneBytes\":\"", "{\"oneColor\":",
      "{\"oneInner\":[]", "{\"pickEmpty\":[]", "{\"fieldMask\":\"",
    ]
    return prefixes.contains { text.hasPrefix($0) }
  }

  private static let texts: [String] = {
    let values = [
      "0", "1", "-1", "1.0", "1.5", "1e2", "1e-2", "2147483648", "4294967295", "4294967296",
      "9223372036854775807", "18446744073709551615", "\"1\"", "\"-1\"", "\"1.5\"", "\"abc\"",
      "\"NaN\"", "\"Infinity\"", "true", "false", "null", "[]", "{}", "[1]", "[null]",
      "{\"1\":\"x\"}", "{\"true\":\"x\"}", "{\"a\":\"b\"}", "\"AAE=\"", "\"-_8\"", "\"COLOR_RED\"",
      "\"1.5s\"", "\"2026-01-31T10:00:00Z\"", "\"givenName\"", "{\"name\":\"x\"}",
      "{\"nme\":\"x\"}",
      "\"\\ud83d\\ude00\"", "\"2026-01-31T10:00:00.123456789+05:30\"", "\"a.bC\"",
    ]
    let names = [
      "oneInt32", "oneUint32", "oneInt64", "oneUint64", "oneSint32", "oneFixed64", "oneDouble",
      "oneBool", "oneString", "oneBytes", "oneColor", "oneInner", "maybeInt32", "maybe_int32",
      "manyInt32", "manyInner", "byInt32", "byBool", "byString", "innerOf", "pickString",
      "pickEmpty", "timestamp", "duration", "fieldMask", "noSuchField",
    ]
    return names.flatMap { name in values.map { "{\"\(name)\":\($0)}" } }
  }()
}
