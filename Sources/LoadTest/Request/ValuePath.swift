import Protobuf

/// Leads to values in an answer: names joined by dots, `[0]` for one element, `[]` for all.
struct ValuePath: Sendable, Hashable {
  private enum Step: Sendable, Hashable {
    case key(String)
    case element(Int)
    case all
  }

  private let steps: [Step]
  let text: String

  /// Nil when the text is no path.
  init?(_ text: String) {
    var steps: [Step] = []
    for part in text.split(separator: ".", omittingEmptySubsequences: false) {
      let pieces = part.split(separator: "[", omittingEmptySubsequences: false)
      guard let name = pieces.first, !name.isEmpty else { return nil }
      steps.append(.key(String(name)))
      for piece in pieces.dropFirst() {
        guard piece.last == "]" else { return nil }
        if piece.count == 1 {
          steps.append(.all)
        } else {
          guard let index = Int(piece.dropLast()), index >= 0 else { return nil }
          steps.append(.element(index))
        }
      }
    }
    guard !steps.isEmpty else { return nil }
    self.steps = steps
    self.text = text
  }

  /// The texts, numbers and flags that the path leads to, as texts.
  func values(in json: JSONValue) -> [String] {
    var found = [json]
    for step in steps {
      found = found.flatMap { json -> [JSONValue] in
        switch step {
        case .key(let key): json[key].map { [$0] } ?? []
        case .element(let index):
          json.array.flatMap { $0.indices.contains(index) ? [$0[index]] : nil } ?? []
        case .all: json.array ?? []
        }
      }
    }
    return found.compactMap { json in
      switch json {
      case .string(let text), .number(let text): text
      case .bool(let flag): flag ? "true" : "false"
      case .null, .array, .object: nil
      }
    }
  }
}
