import GRPC
import Protobuf

/// Turns the JSON of a scenario file into a scenario, or says what is wrong with it.
enum ScenarioReader {
  static let fields = [
    "about", "extends", "targets", "tls", "setup", "metadata", "calls", "load", "expect",
  ]
  private static let second: Int64 = 1_000_000_000
  private static let exampleCall =
    #"[{"target": "echo", "method": "bench.v1.Echo/Unary", "request": {"n": 1}}]"#

  static func read(_ json: JSONValue, name: String) throws(ScenarioError) -> Scenario {
    let file = try FieldReader(json, known: fields)
    var scenario = Scenario()
    scenario.name = name
    scenario.source = json
    scenario.about = try file.string("about") ?? ""
    scenario.targets = try targets(file)
    if let json = file.json("tls") { scenario.tls = try tls(json, file.at("tls")) }
    scenario.load = try load(file)
    for (json, place) in try file.array("setup") {
      scenario.setup.append(try step(json, place, scenario.targets))
    }
    for (key, value) in try file.texts("metadata") {
      let place = file.at("metadata") + [.key(key)]
      scenario.metadata.append(
        Scenario.MetadataPair(key: key, value: try template(value, place), place: place))
    }
    let deadline = try deadline(file) ?? 2 * second
    for (json, place) in try file.array("calls") {
      scenario.calls.append(try call(json, place, scenario.targets, deadline))
    }
    guard !scenario.calls.isEmpty else { throw file.missing("calls", exampleCall) }
    let names = scenario.calls.map(\.name)
    for (index, name) in names.enumerated() where names[..<index].contains(name) {
      throw ScenarioError(
        "\(name) is there twice; give one of the calls a \"name\" of its own",
        at: [.key("calls"), .index(index)])
    }
    for (text, place) in try file.strings("expect") {
      scenario.expectations.append(try expectation(text, place, names))
    }
    return scenario
  }

  static func expectation(
    _ text: String, _ place: [JSONStep], _ calls: [String]
  ) throws(ScenarioError) -> Expectation {
    do throws(ScenarioError) {
      return try Expectation(text, calls: calls)
    } catch {
      throw ScenarioError(error.reason, at: place)
    }
  }

  private static func template(
    _ text: String, _ place: [JSONStep]
  ) throws(ScenarioError) -> TextTemplate {
    do throws(ScenarioError) {
      return try TextTemplate(text)
    } catch {
      throw ScenarioError(error.reason, at: place)
    }
  }

  // MARK: Servers

  private static func targets(
    _ file: FieldReader
  ) throws(ScenarioError) -> [String: Scenario.Target] {
    guard case .object(let object)? = file.json("targets"), !object.isEmpty else {
      throw file.missing("targets", #"{"identity": "127.0.0.1:50051"}"#)
    }
    var targets: [String: Scenario.Target] = [:]
    for member in object.members {
      let place = file.at("targets") + [.key(member.key)]
      targets[member.key] = try target(member.key, member.value, place)
    }
    return targets
  }

  private static func target(
    _ name: String, _ json: JSONValue, _ place: [JSONStep]
  ) throws(ScenarioError) -> Scenario.Target {
    var object = json
    if case .string = json { object = .object(["address": json]) }
    let fields = try FieldReader(object, at: place, known: ["address", "peer", "plaintext"])
    guard let address = try fields.string("address") else {
      throw fields.missing("address", #""127.0.0.1:50051""#)
    }
    guard let colon = address.lastIndex(of: ":"), colon > address.startIndex,
      let port = Int(address[address.index(after: colon)...]), (1...65_535).contains(port)
    else {
      throw ScenarioError(
        "must be host:port, such as \"127.0.0.1:50051\"",
        at: object == json ? fields.at("address") : place)
    }
    return Scenario.Target(
      name: name, host: String(address[..<colon]), port: port,
      peer: try fields.string("peer") ?? name, isPlaintext: try fields.flag("plaintext") ?? false)
  }

  /// Certificates of our services name them; whoever shows none calls servers of others, whose
  /// certificates name hosts.
  private static func tls(
    _ json: JSONValue, _ place: [JSONStep]
  ) throws(ScenarioError) -> TLSSettings {
    let fields = try FieldReader(
      json, at: place, known: ["certificate", "key", "authority", "trustDomain"])
    let certificate = try fields.string("certificate")
    let key = try fields.string("key")
    if certificate == nil, key != nil {
      throw fields.missing("certificate", "\".run/dev-client.pem\"")
    }
    if certificate != nil, key == nil { throw fields.missing("key", "\".run/dev-client.key\"") }
    return TLSSettings(
      certificatePath: certificate, keyPath: key, authorityPath: try fields.string("authority"),
      trustDomain: try fields.string("trustDomain")
        ?? (certificate == nil ? nil : "clientele.local"))
  }

  // MARK: Calls

  private static func request(
    _ fields: FieldReader, _ targets: [String: Scenario.Target]
  ) throws(ScenarioError) -> Scenario.Request {
    let only = targets.count == 1 ? targets.keys.first : nil
    guard let target = try fields.string("target") ?? only else {
      throw fields.missing("target", "\"\(targets.keys.sorted().first ?? "identity")\"")
    }
    guard targets[target] != nil else {
      throw ScenarioError(
        "is no target; there are \(targets.keys.sorted().joined(separator: ", "))",
        at: fields.at("target"))
    }
    guard let method = try fields.string("method") else {
      throw fields.missing("method", "\"bench.v1.Echo/Unary\"")
    }
    guard method.split(separator: "/", omittingEmptySubsequences: false).count == 2,
      !method.hasPrefix("/")
    else {
      throw ScenarioError(
        "must be package.Service/Method, such as \"bench.v1.Echo/Unary\"", at: fields.at("method"))
    }
    return Scenario.Request(
      target: target, method: method, json: fields.json("request") ?? .object([:]),
      place: fields.place)
  }

  private static func step(
    _ json: JSONValue, _ place: [JSONStep], _ targets: [String: Scenario.Target]
  ) throws(ScenarioError) -> Scenario.SetupStep {
    let fields = try FieldReader(
      json, at: place, known: ["target", "method", "request", "save", "renewEvery"])
    var saves: [(name: String, path: ValuePath)] = []
    for (name, path) in try fields.texts("save") {
      guard !Placeholder.builtIn.contains(name) else {
        throw ScenarioError(
          "{{\(name)}} means something already; save it under another name",
          at: fields.at("save") + [.key(name)])
      }
      guard let path = ValuePath(path) else {
        throw ScenarioError(
          "must lead into the answer, such as \"clients[].clientId\" or \"session.token\"",
          at: fields.at("save") + [.key(name)])
      }
      saves.append((name, path))
    }
    let renewEvery = try fields.time("renewEvery")
    if let renewEvery, renewEvery < second {
      throw ScenarioError("must be \"1s\" or more", at: fields.at("renewEvery"))
    }
    return Scenario.SetupStep(
      request: try request(fields, targets), saves: saves, renewEvery: renewEvery)
  }

  private static func call(
    _ json: JSONValue, _ place: [JSONStep], _ targets: [String: Scenario.Target],
    _ deadline: Int64
  ) throws(ScenarioError) -> Scenario.Call {
    let fields = try FieldReader(
      json, at: place,
      known: ["name", "target", "method", "request", "weight", "deadline", "expect"])
    let request = try request(fields, targets)
    let expected = try fields.strings("expect")
    for (code, place) in expected where !CodeNames.all.contains(code) {
      throw ScenarioError(
        "is no gRPC code; there are \(CodeNames.all.joined(separator: ", "))", at: place)
    }
    let word = request.method.split(separator: "/").last.map(String.init) ?? request.method
    return Scenario.Call(
      name: try fields.string("name") ?? word, request: request,
      weight: try fields.number("weight", 0.001...1_000_000) ?? 1,
      deadline: try callDeadline(fields) ?? deadline,
      expected: expected.isEmpty ? ["OK"] : expected.map(\.0))
  }

  private static func callDeadline(_ fields: FieldReader) throws(ScenarioError) -> Int64? {
    let deadline = try fields.time("deadline")
    if let deadline, deadline < 1_000_000 {
      throw ScenarioError("must be \"1ms\" or more", at: fields.at("deadline"))
    }
    return deadline
  }

  // MARK: Load

  private static func loadFields(_ file: FieldReader) throws(ScenarioError) -> FieldReader {
    try FieldReader(
      file.json("load") ?? .object([:]), at: file.at("load"),
      known: [
        "rate", "duration", "stages", "warmup", "arrivals", "deadline", "inFlight", "connections",
        "threads", "seed",
      ])
  }

  private static func deadline(_ file: FieldReader) throws(ScenarioError) -> Int64? {
    try callDeadline(try loadFields(file))
  }

  private static func load(_ file: FieldReader) throws(ScenarioError) -> Scenario.Load {
    let fields = try loadFields(file)
    var load = Scenario.Load()
    let rate = try fields.number("rate", rates)
    let duration = try fields.time("duration")
    if fields.has("stages") {
      guard rate == nil, duration == nil else {
        throw ScenarioError("takes either rate and duration, or stages", at: fields.at("stages"))
      }
      for (json, place) in try fields.array("stages") {
        load.stages.append(try stage(json, place, after: load.stages.last?.to))
      }
    } else {
      guard let rate else { throw fields.missing("rate", "500") }
      load.stages = [Stage(from: rate, to: rate, length: duration ?? 30 * second)]
    }
    guard load.stages.contains(where: { $0.arrivals >= 1 }) else {
      throw ScenarioError("not one call would be made", at: fields.place)
    }
    load.warmup = try fields.time("warmup") ?? load.warmup
    if let text = try fields.string("arrivals") {
      guard let pattern = ArrivalPattern(rawValue: text) else {
        throw ScenarioError("must be \"even\" or \"poisson\"", at: fields.at("arrivals"))
      }
      load.arrivals = pattern
    }
    load.inFlightMax = try fields.count("inFlight", 1...1_000_000) ?? load.inFlightMax
    load.connections = try fields.count("connections", 1...10_000) ?? load.connections
    load.threads = try fields.count("threads", 1...64) ?? load.threads
    load.seed = UInt64(try fields.count("seed", 0...1_000_000_000) ?? 1)
    return load
  }

  static let rates = 0.0...1_000_000.0

  /// `{"rate": 100, "for": "10s"}` stays; `{"to": 500, "for": "10s"}` goes there from where the
  /// stage before ended, or from `from`.
  private static func stage(
    _ json: JSONValue, _ place: [JSONStep], after last: Double?
  ) throws(ScenarioError) -> Stage {
    let fields = try FieldReader(json, at: place, known: ["rate", "from", "to", "for"])
    guard let length = try fields.time("for"), length > 0 else {
      throw fields.missing("for", "\"10s\"")
    }
    if let rate = try fields.number("rate", rates) {
      guard !fields.has("from"), !fields.has("to") else {
        throw ScenarioError("takes either rate, or from and to", at: place)
      }
      return Stage(from: rate, to: rate, length: length)
    }
    guard let to = try fields.number("to", rates) else { throw fields.missing("rate", "500") }
    return Stage(from: try fields.number("from", rates) ?? last ?? 0, to: to, length: length)
  }
}
