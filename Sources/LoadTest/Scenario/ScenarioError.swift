/// A step into a JSON text: a key or an index.
enum JSONStep: Sendable, Hashable {
  case key(String)
  case index(Int)
}

/// What is wrong with a scenario file, where, and what would be right.
struct ScenarioError: Error, CustomStringConvertible {
  /// Leads to the value at fault; empty for the whole file.
  var place: [JSONStep] = []
  /// A sentence, with the way out in it.
  let reason: String
  /// `file:line`, once known.
  var origin: String?

  init(_ reason: String, at place: [JSONStep] = []) {
    self.reason = reason
    self.place = place
  }

  /// The place as people write it, such as `calls[2].weight`.
  var path: String {
    place.reduce(into: "") { path, step in
      switch step {
      case .key(let key): path += path.isEmpty ? key : ".\(key)"
      case .index(let index): path += "[\(index)]"
      }
    }
  }

  var description: String {
    [origin, path.isEmpty ? nil : path, reason].compactMap { $0 }.joined(separator: ": ")
  }

  /// The same error with the line of the file that it is about.
  func located(in file: String, _ text: [UInt8]) -> ScenarioError {
    guard origin == nil else { return self }
    var error = self
    error.origin = JSONPlaces.line(of: place, in: text).map { "\(file):\($0)" } ?? file
    return error
  }
}

/// Finds values in a JSON text that is known to be one; where it is not, the search ends early.
enum JSONPlaces {
  /// The line, from 1, of the value that the steps lead to, or of the last one on the way; nil when
  /// not even the first is there, as with what stands in a file that this one extends.
  static func line(of steps: [JSONStep], in text: [UInt8]) -> Int? {
    var walk = Walk(text: text)
    for (count, step) in steps.enumerated() {
      guard walk.enter(step) else {
        if count == 0 { return nil }
        break
      }
    }
    return line(at: walk.index, in: text)
  }

  /// The line, from 1, of a byte.
  static func line(at offset: Int, in text: [UInt8]) -> Int {
    1 + text.prefix(offset).count { $0 == UInt8(ascii: "\n") }
  }

  private struct Walk {
    let text: [UInt8]
    var index = 0

    init(text: [UInt8]) {
      self.text = text
      skipSpace()
    }

    private var next: UInt8? { index < text.count ? text[index] : nil }

    private mutating func skipSpace() {
      while let byte = next, byte == 0x20 || (0x09...0x0D).contains(byte) { index += 1 }
    }

    /// Moves to the value under the step; stays where it is when there is none.
    mutating func enter(_ step: JSONStep) -> Bool {
      let start = index
      let isObject = next == UInt8(ascii: "{")
      guard isObject || next == UInt8(ascii: "[") else { return false }
      index += 1
      var count = 0
      while true {
        skipSpace()
        guard let byte = next, byte != UInt8(ascii: "}"), byte != UInt8(ascii: "]") else { break }
        let key = isObject ? string() : nil
        if isObject {
          skipSpace()
          index += 1
          skipSpace()
        }
        if step == key.map(JSONStep.key) ?? .index(count) { return true }
        skipValue()
        count += 1
        skipSpace()
        if next == UInt8(ascii: ",") { index += 1 }
      }
      index = start
      return false
    }

    private mutating func string() -> String {
      index += 1
      let start = index
      while let byte = next, byte != UInt8(ascii: "\"") {
        index += byte == UInt8(ascii: "\\") ? 2 : 1
      }
      let end = min(index, text.count)
      index += 1
      return String(decoding: text[start..<end], as: UTF8.self)
    }

    private mutating func skipValue() {
      var depth = 0
      while let byte = next {
        switch byte {
        case UInt8(ascii: "\""):
          _ = string()
          continue
        case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
        case UInt8(ascii: "}"), UInt8(ascii: "]"):
          if depth == 0 { return }
          depth -= 1
        case UInt8(ascii: ","):
          if depth == 0 { return }
        default: break
        }
        index += 1
      }
    }
  }
}
