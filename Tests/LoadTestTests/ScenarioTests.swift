import Foundation
import GRPC
import Protobuf
import Testing

@testable import LoadTest

@Suite struct ScenarioTests {
  private static let least = """
    {
      "targets": { "echo": { "address": "127.0.0.1:50100", "plaintext": true } },
      "calls": [ { "method": "bench.v1.Echo/Unary" } ],
      "load": { "rate": 10 }
    }
    """

  private func withFile<Result>(
    _ text: String, _ body: (String) throws -> Result
  ) throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appending(path: "case.json")
    try Data(text.utf8).write(to: file)
    return try body(file.path)
  }

  /// What is said of a file, without the folder it is in.
  private func refusal(_ text: String) throws -> String {
    try withFile(text) { path in
      let error = #expect(throws: ScenarioError.self) { try ScenarioFile.read(path) }
      let said = error.map { "\($0)" } ?? ""
      return said.components(separatedBy: "/").last { $0.contains("case.json") } == nil
        ? said : said.replacing(path, with: "case.json")
    }
  }

  @Test("what is left out has a value")
  func defaults() throws {
    let scenario = try withFile(Self.least) { try ScenarioFile.read($0) }
    #expect(scenario.name == "case")
    #expect(scenario.load.stages == [Stage(from: 10, to: 10, length: 30_000_000_000)])
    #expect(scenario.calls.map(\.name) == ["Unary"])
    #expect(scenario.calls.first?.deadline == 2_000_000_000)
    #expect(scenario.calls.first?.expected == ["OK"])
    #expect(scenario.targets["echo"]?.port == 50_100)
  }

  @Test(
    "certificates of services name them; who shows none goes by the names of hosts",
    arguments: [
      ("{}", TLSSettings()),
      (#"{"authority": "ca.pem"}"#, TLSSettings(authorityPath: "ca.pem")),
      (
        #"{"certificate": "a.pem", "key": "a.key", "authority": "ca.pem"}"#,
        TLSSettings(
          certificatePath: "a.pem", keyPath: "a.key", authorityPath: "ca.pem",
          trustDomain: "clientele.local")
      ),
    ])
  func tls(json: String, settings: TLSSettings) throws {
    let text = Self.least.replacing(#""load":"#, with: "\"tls\": \(json), \"load\":")
    #expect(try withFile(text) { try ScenarioFile.read($0) }.tls == settings)
  }

  @Test(
    "a refusal names the line, the field and the way out",
    arguments: [
      (
        #""load": { "rate": 10 }"#, #""load": { "rat": 10 }"#,
        "case.json:4: load.rat: is no field; did you mean rate?"
      ),
      (
        #""rate": 10"#, #""rate": "10""#,
        "case.json:4: load.rate: must be a number from 0 to 1000000"
      ),
      (
        #""rate": 10"#, #""rate": 10, "duration": "30""#,
        "case.json:4: load.duration: must be a time such as \"250ms\", \"30s\" or \"2m\""
      ),
      (
        #""rate": 10"#, #""duration": "30s""#,
        "case.json:4: load: rate is missing, such as \"rate\": 500"
      ),
      (
        #"bench.v1.Echo/Unary"#, #"bench.v1.Echo"#,
        "case.json:3: calls[0].method: must be package.Service/Method, such as \"bench.v1.Echo/Unary\""
      ),
      (
        #"{ "method""#, #"{ "target": "ecco", "method""#,
        "case.json:3: calls[0].target: is no target; there are echo"
      ),
      (
        #"127.0.0.1:50100"#, #"127.0.0.1"#,
        "case.json:2: targets.echo.address: must be host:port, such as \"127.0.0.1:50051\""
      ),
      (#""load": {"#, #""load" {"#, "case.json:4: not JSON: a colon is missing"),
      (
        #""rate": 10 }"#, #""rate": 10 }, "expect": ["p99"]"#,
        "case.json:4: expect[0]: p99 compares nothing; write such as"
      ),
      (
        #""load": {"#, #""metadata": { "x": "{{uid}" }, "load": {"#,
        "case.json:4: metadata.x: {{ is not closed by }}"
      ),
      (
        #"Unary" }"#, #"Unary", "expect": ["FINE"] }"#,
        "case.json:3: calls[0].expect[0]: is no gRPC code; there are OK, CANCELLED"
      ),
      (
        #"Unary" }"#, #"Unary" }, { "method": "bench.v1.Echo/Unary" }"#,
        "case.json:3: calls[1]: Unary is there twice; give one of the calls a \"name\" of its own"
      ),
    ])
  func refusals(good: String, bad: String, said: String) throws {
    let text = Self.least.replacing(good, with: bad)
    #expect(text != Self.least)
    let found = try refusal(text)
    #expect(found.hasPrefix(said), "\(found)")
  }

  @Test("a file takes over what the file it extends says, and adds to it")
  func extends() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    func write(_ name: String, _ text: String) throws {
      try Data(text.utf8).write(to: folder.appending(path: name))
    }
    try write(
      "base.json",
      """
      {
        "about": "base", "targets": { "one": "127.0.0.1:1", "two": "127.0.0.1:2" },
        "metadata": { "a": "1", "b": "1" },
        "setup": [ { "target": "one", "method": "p.S/First", "save": { "x": "y.z" } } ]
      }
      """)
    try write(
      "own.json",
      """
      {
        "extends": "base.json", "about": "own", "targets": { "two": "127.0.0.1:22" },
        "metadata": { "b": "2" },
        "setup": [ { "target": "two", "method": "p.S/Second" } ],
        "calls": [ { "target": "one", "method": "p.S/M" } ], "load": { "rate": 1 }
      }
      """)
    let scenario = try ScenarioFile.read(folder.appending(path: "own.json").path)
    #expect(scenario.about == "own")
    #expect(scenario.targets.mapValues(\.port) == ["one": 1, "two": 22])
    #expect(scenario.metadata.map(\.key) == ["a", "b"])
    #expect(scenario.setup.map(\.request.method) == ["p.S/First", "p.S/Second"])
  }

  @Test("a fault that is not in the file itself has no line of it")
  func elsewhere() {
    let text = Array(Self.least.utf8)
    let here = ScenarioError("x", at: [.key("load"), .key("none")]).located(in: "f", text)
    let elsewhere = ScenarioError("x", at: [.key("tls")]).located(in: "f", text)
    #expect(here.origin == "f:4" && elsewhere.origin == "f")
  }

  @Test("the ready scenarios are read")
  func ready() throws {
    let folder = URL(filePath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent().appending(path: "scenarios")
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    let runnable = files.filter { $0.hasSuffix(".json") && $0 != "demo.json" }
    #expect(runnable.count >= 6)
    for file in runnable {
      let scenario = try ScenarioFile.read(folder.appending(path: file).path)
      #expect(!scenario.about.isEmpty && !scenario.expectations.isEmpty, "\(file)")
    }
  }

  @Test("stages go on from where the one before ended")
  func stages() throws {
    let text = Self.least.replacing(
      #""rate": 10"#,
      with:
        #""stages": [{"rate": 5, "for": "1s"}, {"to": 9, "for": "2s"}, {"from": 1, "to": 2, "for": "1m"}]"#
    )
    let scenario = try withFile(text) { try ScenarioFile.read($0) }
    #expect(
      scenario.load.stages == [
        Stage(from: 5, to: 5, length: 1_000_000_000),
        Stage(from: 5, to: 9, length: 2_000_000_000),
        Stage(from: 1, to: 2, length: 60_000_000_000),
      ])
  }

  // MARK: Expectations

  @Test(
    "expectations hold up to their limit",
    arguments: [
      ("p99<=250ms", 250_000.0, true), ("p99<=250ms", 250_001, false), ("p99.9<1s", 999_999, true),
      ("p99.9<1s", 1_000_000, false), ("errors<=0.1%", 0.001, true), ("errors<=0%", 0.0001, false),
      ("rate>=500", 499, false), ("rate>=500/s", 500, true), ("achieved>99%", 0.99, false),
    ])
  func expectation(text: String, value: Double, isMet: Bool) throws {
    let expectation = try Expectation(text, calls: [])
    #expect(expectation.isMet(by: value) == isMet)
  }

  @Test("what was not measured meets nothing")
  func nothingMeasured() throws {
    let all = try Expectation("p99<=1h", calls: [])
    let one = try Expectation("get:p99<=1h", calls: ["get"])
    #expect(!all.isMet(by: nil) && !one.isMet(by: .nan))
  }

  @Test(
    "an expectation that says nothing is refused",
    arguments: ["p99", "p101<=1s", "p99<=250", "speed<=1s", "errors<=1", "put:p99<=1s"])
  func badExpectation(text: String) {
    #expect(throws: ScenarioError.self) { try Expectation(text, calls: ["get"]) }
  }

  // MARK: Words

  @Test(
    "numbers are short",
    arguments: [
      (0.4, "0.4 µs"), (999, "999 µs"), (1_000, "1 ms"), (12_345, "12.3 ms"), (250_000, "250 ms"),
      (1_500_000, "1.5 s"),
    ])
  func words(microseconds: Double, text: String) {
    #expect(Spelling.time(microseconds: microseconds) == text)
  }
}
