import GRPC
import Protobuf

/// A request of the scenario, ready to be sent many times.
struct RequestTemplate: Sendable {
  private let message: MessageTemplate
  private let texts: [String: TextTemplate]
  /// The only form there is, when it has no placeholders.
  private let fixed: [UInt8]?
  /// "/package.Service/Method".
  let path: String

  init(
    _ request: Scenario.Request, _ method: DescriptorPool.Method, in pool: DescriptorPool,
    saved: [String: [String]]
  ) throws(ScenarioError) {
    path = method.path
    var texts: [String: TextTemplate] = [:]
    let place = request.place + [.key("request")]
    try Self.collect(request.json, place, saved, &texts)
    self.texts = texts
    do throws(JSONMappingError) {
      message = try MessageTemplate(
        json: request.json, as: method.inputType, in: pool,
        isGap: TextTemplate.hasPlaceholder)
      // One is made at once, so that a text that fits no field is told before the load begins.
      var filling = Filling(random: SeededRandom(seed: 0), saved: saved)
      let sample = try message.serialized { texts[$0]?.text(&filling) ?? "" }
      fixed = message.hasGaps ? nil : sample
    } catch {
      throw ScenarioError(
        "\(error.path.isEmpty ? "the request" : error.path) \(error.reason) (\(method.inputType))",
        at: place)
    }
  }

  private static func collect(
    _ json: JSONValue, _ place: [JSONStep], _ saved: [String: [String]],
    _ texts: inout [String: TextTemplate]
  ) throws(ScenarioError) {
    switch json {
    case .string(let text) where TextTemplate.hasPlaceholder(text):
      do throws(ScenarioError) {
        let template = try TextTemplate(text)
        for name in template.savedNames { try checkSaved(name, saved) }
        texts[text] = template
      } catch { throw ScenarioError(error.reason, at: place) }
    case .array(let elements):
      for (index, element) in elements.enumerated() {
        try collect(element, place + [.index(index)], saved, &texts)
      }
    case .object(let object):
      for member in object.members {
        try collect(member.value, place + [.key(member.key)], saved, &texts)
      }
    default: break
    }
  }

  static func checkSaved(_ name: String, _ saved: [String: [String]]) throws(ScenarioError) {
    guard let values = saved[name] else {
      let known = saved.keys.sorted().map { "{{\($0)}}" }.joined(separator: ", ")
      throw ScenarioError(
        "{{\(name)}} is saved by no setup call before it"
          + (known.isEmpty ? "" : "; there are \(known)"))
    }
    guard !values.isEmpty else {
      throw ScenarioError("{{\(name)}}: the setup call's answer had no value there")
    }
  }

  /// The bytes of one request.
  func serialized(_ filling: inout Filling) throws(JSONMappingError) -> [UInt8] {
    if let fixed { return fixed }
    var local = filling
    let bytes = try message.serialized { texts[$0]?.text(&local) ?? "" }
    filling = local
    return bytes
  }
}
