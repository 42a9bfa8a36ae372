import SwiftProtobufPluginLibrary

/// Lines of a file, indented.
struct Text {
  private(set) var lines: [String] = []
  private var depth = 0

  mutating func line(_ text: String = "") {
    lines.append(text.isEmpty ? "" : String(repeating: "  ", count: depth) + text)
  }

  mutating func block(_ head: String, _ tail: String = "}", _ body: (inout Text) -> Void) {
    line(head)
    depth += 1
    body(&self)
    depth -= 1
    line(tail)
  }

  /// The comment of a declaration in the proto, or a stand-in for one that has none.
  mutating func doc(_ source: some ProvidesSourceCodeLocation, orElse standIn: String) {
    let comment = Text.comment(source)
    for text in comment.isEmpty ? [standIn] : comment {
      line(text.isEmpty ? "///" : "/// " + text)
    }
  }

  /// The lines of a declaration's comment.
  static func comment(_ source: some ProvidesSourceCodeLocation) -> [String] {
    guard let location = source.sourceCodeInfoLocation else { return [] }
    let text = location.hasLeadingComments ? location.leadingComments : location.trailingComments
    var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
      var line = line
      if line.first == " " { line.removeFirst() }
      while line.last?.isWhitespace == true { line.removeLast() }
      return String(line)
    }
    while lines.last == "" { lines.removeLast() }
    while lines.first == "" { lines.removeFirst() }
    return lines
  }

  var content: String { lines.joined(separator: "\n") + "\n" }
}
