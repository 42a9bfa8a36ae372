import Foundation

/// Rules over the text of single files: shape, words and promises.
enum TextRules {
  static let fileLinesMax = 400
  static let functionLinesMax = 70

  // MARK: Shape

  static func shape(_ file: SwiftFile) -> [Finding] {
    guard !file.text.isGenerated else { return [] }
    var findings: [Finding] = []
    // The newline that ends the last line begins no line.
    let count = file.text.lines.last == "" ? file.text.lines.count - 1 : file.text.lines.count
    if count > fileLinesMax {
      findings.append(
        file.text.finding(count - 1, "file of \(count) lines; \(fileLinesMax) at most"))
    }
    for span in file.functions where span.length > functionLinesMax {
      findings.append(
        file.text.finding(
          span.first, "\(span.name) has \(span.length) lines; \(functionLinesMax) at most"))
    }
    return findings
  }

  // MARK: Promises the compiler cannot check

  private static let unsafeRooms = ["Sources/HTTP2/", "Sources/GRPC/", "Sources/Postgres/"]

  static func safety(_ file: SwiftFile) -> [Finding] {
    file.code.indices.flatMap { index -> [Finding] in
      ["@unchecked Sendable", "nonisolated(unsafe)"].flatMap { words -> [Finding] in
        guard file.code[index].contains(words) else { return [] }
        guard unsafeRooms.contains(where: file.path.hasPrefix) else {
          return [file.text.finding(index, "\(words) outside HTTP2, GRPC and Postgres")]
        }
        let near = file.text.lines[max(0, index - 10)...index]
        guard !near.contains(where: { $0.contains("Safety:") }) else { return [] }
        return [file.text.finding(index, "\(words) without a Safety: line above it")]
      }
    }
  }

  // MARK: Words

  /// Words in code, each with the reason it is not wanted.
  private static let inCode = [
    ("try!", "stops the process; handle the error"),
    ("as!", "stops the process; use as?"),
    ("fatalError(", "stops the process; throw"),
    ("standardError.write(Data", "stops the process on a full disk; try? write(contentsOf:)"),
    ("standardOutput.write(Data", "stops the process on a full disk; try? write(contentsOf:)"),
    ("Task.detached", "loses the caller's cancellation and executor"),
  ]

  static func words(_ file: SwiftFile) -> [Finding] {
    guard !file.text.isTest else { return [] }
    return file.code.indices.flatMap { index in
      inCode.compactMap { word, reason in
        has(word, in: file.code[index]) ? file.text.finding(index, "\(word) \(reason)") : nil
      }
    }
  }

  /// Whether the word stands there alone, not as the end of a longer one.
  private static func has(_ word: String, in line: String) -> Bool {
    var rest = line[...]
    while let range = rest.range(of: word) {
      let before =
        range.lowerBound == line.startIndex ? nil : line[line.index(before: range.lowerBound)]
      if before.map({ !$0.isLetter && !$0.isNumber && $0 != "_" }) ?? true { return true }
      rest = rest[range.upperBound...]
    }
    return false
  }

  /// Words in any text: unfinished work carries its issue's number, and rows name their columns.
  static func notes(_ file: TextFile) -> [Finding] {
    guard !file.isTidy, !file.isGenerated else { return [] }
    let isSQL = file.path.hasSuffix(".sql") || (file.path.hasSuffix(".swift") && !file.isTest)
    return file.lines.indices.flatMap { index -> [Finding] in
      let line = file.lines[index]
      var findings: [Finding] = []
      for mark in ["TODO", "FIXME"] where has(mark, in: line) && !file.path.hasSuffix(".md") {
        guard line.range(of: #"\b(TODO|FIXME) ?\(#[0-9]+\)"#, options: .regularExpression) == nil
        else { continue }
        findings.append(file.finding(index, "\(mark) without an issue number, as in TODO(#12)"))
      }
      if isSQL, selectsAll(line), !opensSubselect(file.lines[..<index], line) {
        findings.append(file.finding(index, "SELECT * breaks when a column is added; name them"))
      }
      let isComment = line.drop(while: \.isWhitespace).hasPrefix("//")
      if !isComment,
        line.range(of: #"(?i)set_config\([^()]*,\s*false\)"#, options: .regularExpression) != nil
      {
        findings.append(file.finding(index, "set_config(…, false) outlives its transaction"))
      }
      return findings
    }
  }

  private static func selectsAll(_ line: String) -> Bool {
    line.range(of: #"(?i)\bselect\s+\*"#, options: .regularExpression) != nil
  }

  /// A select in parentheses may take all: the query around it names what it uses.
  private static func opensSubselect(_ before: ArraySlice<String>, _ line: String) -> Bool {
    let start = line.range(of: "select", options: .caseInsensitive)?.lowerBound ?? line.startIndex
    let text = before.suffix(1).joined() + line[..<start]
    return text.last { !$0.isWhitespace } == "("
  }

  private static let lastWords = ["Manager", "Helper", "Helpers", "Util", "Utils", "V2", "Impl"]
  private static let firstWords = ["Common", "Base", "New"]

  static func names(_ file: SwiftFile) -> [Finding] {
    guard !file.text.isGenerated, !file.text.isTidy else { return [] }
    return file.declaredTypes.compactMap { name, index in
      let first = firstWords.contains { word in
        name.hasPrefix(word) && name.dropFirst(word.count).first?.isUppercase ?? true
      }
      guard first || lastWords.contains(where: name.hasSuffix) else { return nil }
      return file.text.finding(index, "\(name) says nothing about what it is (style: names)")
    }
  }

  // MARK: One place only

  /// The tenant is set by one function, so that there is one to get right.
  static func prologue(_ files: [SwiftFile]) -> [Finding] {
    var places: [String: Finding] = [:]
    for file in files where !file.text.isTest {
      for index in file.text.lines.indices where file.text.lines[index].contains("set_config(") {
        let isComment = file.text.lines[index].drop(while: \.isWhitespace).hasPrefix("//")
        if isComment { continue }
        let function = file.functions.last { ($0.first...$0.last).contains(index) }
        let place = "\(file.path) \(function?.name ?? "outside functions")"
        places[place] = file.text.finding(index, "set_config( in more than one place: \(place)")
      }
    }
    return places.count <= 1 ? [] : places.values.sorted()
  }
}
