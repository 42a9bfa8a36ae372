import Foundation
import Protobuf

/// Reads scenario files.
enum ScenarioFile {
  /// The scenario in a file, with what it extends.
  static func read(_ path: String) throws -> Scenario {
    let text = try bytes(path)
    let name = URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent
    do {
      let json = try parse(text, path)
      return try ScenarioReader.read(try extended(json, path), name: name)
    } catch let error as ScenarioError {
      throw error.located(in: path, text)
    }
  }

  private static func bytes(_ path: String) throws -> [UInt8] {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw ScenarioError("\(path) cannot be read; ready scenarios are in scenarios/")
    }
    guard data.count <= 4 << 20 else { throw ScenarioError("\(path) is larger than 4 MiB") }
    return [UInt8](data)
  }

  private static func parse(_ text: [UInt8], _ path: String) throws(ScenarioError) -> JSONValue {
    do throws(JSONSyntaxError) {
      return try JSONValue(utf8: text)
    } catch {
      var wrong = ScenarioError("not JSON: \(error.reason)")
      wrong.origin = "\(path):\(JSONPlaces.line(at: error.offset, in: text))"
      throw wrong
    }
  }

  /// What the file says, over what the file it extends says: `setup` runs after the other's,
  /// `targets` and `metadata` are joined, everything else stands in place of the other's.
  private static func extended(_ json: JSONValue, _ path: String) throws -> JSONValue {
    guard case .object(var object) = json, let extends = object["extends"] else { return json }
    guard let name = extends.string else {
      throw ScenarioError("must be the name of a file", at: [.key("extends")])
    }
    let folder = URL(fileURLWithPath: path).deletingLastPathComponent()
    let other = folder.appending(path: name).path
    guard let text = FileManager.default.contents(atPath: other) else {
      throw ScenarioError("\(other) cannot be read", at: [.key("extends")])
    }
    guard case .object(let base) = try parse([UInt8](text), other) else {
      throw ScenarioError("\(other) is no object", at: [.key("extends")])
    }
    guard base["extends"] == nil else {
      throw ScenarioError("\(other) extends another file itself", at: [.key("extends")])
    }
    object["extends"] = nil
    for member in base.members {
      switch (member.key, member.value, object[member.key]) {
      case ("setup", .array(let first), .array(let then)?):
        object["setup"] = .array(first + then)
      case ("targets", .object(let first), .object(let then)?),
        ("metadata", .object(let first), .object(let then)?):
        var joined = first
        for inner in then.members { joined[inner.key] = inner.value }
        object[member.key] = .object(joined)
      case (_, _, nil): object[member.key] = member.value
      default: break
      }
    }
    return .object(object)
  }
}
