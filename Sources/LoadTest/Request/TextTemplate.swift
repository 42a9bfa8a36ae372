/// A text with placeholders in double braces.
struct TextTemplate: Sendable, Hashable {
  private enum Part: Sendable, Hashable {
    case literal(String)
    case placeholder(Placeholder)
  }

  private let parts: [Part]

  /// Whether a text has any placeholder.
  static func hasPlaceholder(_ text: String) -> Bool {
    text.utf8.contains(UInt8(ascii: "{")) && text.contains("{{")
  }

  init(_ text: String) throws(ScenarioError) {
    var parts: [Part] = []
    var rest = text[...]
    while let open = rest.firstRange(of: "{{") {
      guard let close = rest[open.upperBound...].firstRange(of: "}}") else {
        throw ScenarioError("{{ is not closed by }}")
      }
      if open.lowerBound > rest.startIndex {
        parts.append(.literal(String(rest[..<open.lowerBound])))
      }
      parts.append(
        .placeholder(try Placeholder(String(rest[open.upperBound..<close.lowerBound]))))
      rest = rest[close.upperBound...]
    }
    if !rest.isEmpty { parts.append(.literal(String(rest))) }
    self.parts = parts
  }

  /// The names of saved values used.
  var savedNames: [String] {
    parts.compactMap { if case .placeholder(.saved(let name)) = $0 { name } else { nil } }
  }

  /// Whether the text differs from call to call even while saved values stay as they are.
  func isPerCall(_ saved: [String: [String]]) -> Bool {
    parts.contains {
      guard case .placeholder(let placeholder) = $0 else { return false }
      guard case .saved(let name) = placeholder else { return true }
      return (saved[name]?.count ?? 0) > 1
    }
  }

  func text(_ filling: inout Filling) -> String {
    if parts.count == 1, case .placeholder(let placeholder) = parts[0] {
      return filling.text(for: placeholder)
    }
    var text = ""
    for part in parts {
      switch part {
      case .literal(let literal): text += literal
      case .placeholder(let placeholder): text += filling.text(for: placeholder)
      }
    }
    return text
  }
}
