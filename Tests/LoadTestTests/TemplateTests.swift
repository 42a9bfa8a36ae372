import BenchAPI
import GRPC
import Protobuf
import Testing

@testable import LoadTest

@Suite struct TemplateTests {
  private func fill(
    _ text: String, saved: [String: [String]] = [:], sequence: Int = 0, seed: UInt64 = 1
  ) throws -> String {
    var filling = Filling(random: SeededRandom(seed: seed), sequence: sequence, saved: saved)
    return try TextTemplate(text).text(&filling)
  }

  @Test("placeholders are filled")
  func placeholders() throws {
    #expect(try fill("a {{sequence}} b", sequence: 7) == "a 7 b")
    #expect(try fill("{{who}}-{{who}}", saved: ["who": ["x"]]) == "x-x")
    #expect(try fill("{{text:12}}").count == 12)
    let number = try Int(fill("{{random:-5..5}}"))
    #expect(number.map { (-5...5).contains($0) } == true)
    let uuid = try fill("{{uuid}}")
    #expect(
      uuid.wholeMatch(of: /[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/)
        != nil, "\(uuid)")
    #expect(try fill("{{uuid}}", seed: 2) != uuid)
    #expect(try fill("{{email}}").hasSuffix("@load.example"))
    #expect(try fill("{{name}}").contains(" "))
    let picks = try Set((0..<50).map { try fill("{{pick:a,b,}}", seed: $0) })
    #expect(picks == ["a", "b", ""])
  }

  @Test(
    "what means nothing is refused",
    arguments: [
      "{{", "{{}}", "{{random}}", "{{random:5..1}}", "{{text:0}}", "{{a-b}}", "{{uuid:4}}",
    ])
  func meaningless(text: String) {
    #expect(throws: ScenarioError.self) { try TextTemplate(text) }
  }

  @Test(
    "values are found in answers",
    arguments: [
      ("a", ["1"]), ("list[].id", ["x", "y"]), ("list[1].id", ["y"]), ("list[5].id", []),
      ("deep.flag", ["true"]), ("deep", []), ("none.at.all", []),
    ])
  func paths(path: String, values: [String]) throws {
    let json: JSONValue = [
      "a": 1, "list": [["id": "x"], ["id": "y"]], "deep": ["flag": true],
    ]
    let found = try #require(ValuePath(path)).values(in: json)
    #expect(found == values)
  }

  @Test("no path", arguments: ["", ".a", "a..b", "a[", "a[x]", "a[-1]"])
  func noPath(text: String) {
    #expect(ValuePath(text) == nil)
  }

  // MARK: Requests

  private func template(_ json: JSONValue) throws -> RequestTemplate {
    let pool = try DescriptorPool(
      fileDescriptorSet: Array(BenchFiles.descriptorSet))
    let method = try #require(pool.services["bench.v1.Echo"]?.first)
    let request = Scenario.Request(
      target: "echo", method: "bench.v1.Echo/Unary", json: json, place: [.key("calls"), .index(0)])
    return try RequestTemplate(request, method, in: pool, saved: ["bytes": ["AQID"]])
  }

  @Test("a request is encoded as the generated code does it")
  func encoding() throws {
    var filling = Filling(
      random: SeededRandom(seed: 1), sequence: 300, saved: ["bytes": ["AQID"]])
    let expected = EchoRequest(payload: [1, 2, 3], n: 300).serialized()
    let fixed = try template(["payload": "AQID", "n": 300]).serialized(&filling)
    let filled = try template(["payload": "{{bytes}}", "n": "{{sequence}}"])
      .serialized(&filling)
    #expect(fixed == expected)
    #expect(try EchoRequest(serialized: filled).serialized() == expected)
  }

  @Test("a text that fits no field is told before the load begins")
  func misfit() {
    let error = #expect(throws: ScenarioError.self) { try template(["n": "{{name}}"]) }
    #expect(error?.path == "calls[0].request")
    #expect(error?.reason.contains("must be a whole number") == true)
    #expect(throws: ScenarioError.self) { try template(["m": 1]) }
    let unsaved = #expect(throws: ScenarioError.self) { try template(["payload": "{{nobody}}"]) }
    #expect(unsaved?.path == "calls[0].request.payload")
  }
}
