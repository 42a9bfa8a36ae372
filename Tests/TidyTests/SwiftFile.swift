import Foundation

/// A Swift file, read just closely enough to tell code from comments and text in quotes.
struct SwiftFile: Sendable {
  let text: TextFile
  /// The lines with comments and the insides of string literals blanked out.
  let code: [String]
  let functions: [FunctionSpan]

  init(_ text: TextFile) {
    self.text = text
    code = Scrubber.scrub(text.lines.joined(separator: "\n"))
      .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    functions = FunctionSpan.all(in: code)
  }

  init(path: String, _ text: String) { self.init(TextFile(path: path, text: text)) }

  var path: String { text.path }

  struct Import: Hashable {
    let module: String
    let index: Int
    let isPublic: Bool
  }

  var imports: [Import] {
    code.indices.compactMap { index in
      guard code[index].contains("import") else { return nil }
      var words = code[index].split(whereSeparator: { $0 == " " || $0 == "\t" }).map(String.init)
      var isPublic = false
      while let word = words.first, word != "import" {
        guard word.hasPrefix("@") || Self.levels.contains(word) else { return nil }
        if word == "public" || word == "@_exported" { isPublic = true }
        words.removeFirst()
      }
      guard words.count >= 2 else { return nil }
      let kinds: Set = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias"]
      let place = kinds.contains(words[1]) && words.count >= 3 ? 2 : 1
      guard let module = words[place].split(separator: ".").first else { return nil }
      return Import(module: String(module), index: index, isPublic: isPublic)
    }
  }

  private static let levels: Set = ["public", "package", "internal", "private", "fileprivate"]
}

/// Where a function, initializer, subscript or computed property stands, first line to last.
struct FunctionSpan: Sendable, Hashable {
  let name: String
  let first: Int
  let last: Int

  var length: Int { last - first + 1 }

  static func all(in code: [String]) -> [FunctionSpan] {
    var spans: [FunctionSpan] = []
    for index in code.indices {
      guard let name = declaredName(code[index]) else { continue }
      guard let last = end(of: index, in: code) else { continue }
      spans.append(FunctionSpan(name: name, first: index, last: last))
    }
    return spans
  }

  private static let modifiers: Set = [
    "public", "package", "internal", "private", "fileprivate", "open", "static", "class", "final",
    "override", "mutating", "nonmutating", "required", "convenience", "nonisolated", "consuming",
    "borrowing", "prefix", "postfix", "infix", "lazy", "isolated", "nonisolated(unsafe)",
    "private(set)", "public private(set)", "nonisolated(nonsending)",
  ]

  /// The declared name when the line starts something with a body that can grow too long.
  private static func declaredName(_ line: String) -> String? {
    let words = line.split(separator: " ").map(String.init)
    guard let place = words.firstIndex(where: { !modifiers.contains($0) && !$0.hasPrefix("@") })
    else { return nil }
    let word = words[place]
    switch word {
    case "func": return words.count > place + 1 ? name(words[place + 1]) : nil
    case "deinit": return "deinit"
    case "var": return line.hasSuffix("{") && words.count > place + 1 ? name(words[place + 1]) : nil
    default:
      for start in ["init(", "init?(", "init!(", "init<", "init?<", "subscript(", "subscript<"]
      where word.hasPrefix(start) {
        return start.hasPrefix("init") ? "init" : "subscript"
      }
      return nil
    }
  }

  private static func name(_ word: String) -> String {
    String(word.prefix { $0 != "(" && $0 != "<" && $0 != ":" })
  }

  /// The line of the closing brace, or nil when there is no body, as in a protocol.
  private static func end(of first: Int, in code: [String]) -> Int? {
    var parentheses = 0
    var braces = 0
    var opened = false
    for index in first..<code.count {
      for character in code[index] {
        switch character {
        case "(", "[": parentheses += 1
        case ")", "]": parentheses -= 1
        case "{" where parentheses == 0 || opened:
          braces += 1
          opened = true
        case "}" where opened:
          braces -= 1
          if braces == 0 { return index }
        case "}" where parentheses == 0: return nil
        default: break
        }
      }
      guard !opened, parentheses <= 0 else { continue }
      let next = code[(index + 1)...].first { !$0.allSatisfy(\.isWhitespace) } ?? ""
      let rest = next.drop(while: \.isWhitespace)
      let goesOn = ["{", "->", "where", "throws", "async", "rethrows", ")"]
      guard goesOn.contains(where: rest.hasPrefix) else { return nil }
    }
    return nil
  }
}
