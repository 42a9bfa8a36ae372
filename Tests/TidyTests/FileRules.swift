import Foundation

/// Rules over names of files and the links between them.
enum FileRules {
  // MARK: Migrations

  /// `services/<service>/migrations/NNNN_word.sql`, numbered from 0001 (or 0000) without a gap.
  static func migrations(_ paths: Set<String>) -> [Finding] {
    let files = paths.filter {
      $0.hasPrefix("services/") && $0.contains("/migrations/") && $0.hasSuffix(".sql")
    }
    let folders = Dictionary(grouping: files.sorted()) { path in
      path.split(separator: "/").dropLast().joined(separator: "/")
    }
    return folders.flatMap { _, paths -> [Finding] in
      var findings: [Finding] = []
      var expected: Int?
      for path in paths {
        let name = path.split(separator: "/").last.map(String.init) ?? path
        func report(_ message: String) {
          findings.append(Finding(path: path, line: 1, message: message))
        }
        guard name.range(of: #"^[0-9]{4}_[a-z0-9_]+\.sql$"#, options: .regularExpression) != nil,
          let number = Int(name.prefix(4))
        else {
          report("is not named as NNNN_what_it_does.sql")
          continue
        }
        if let expected, number != expected { report("should have the number \(expected)") }
        if expected == nil, number > 1 { report("the first migration has the number 0001") }
        expected = number + 1
      }
      return findings
    }
  }

  // MARK: Services

  /// Each service has its page, its assembly, its handlers' room and its tests.
  static func services(_ paths: Set<String>) -> [Finding] {
    PackageMap.order.map(PackageMap.folder).flatMap { folder in
      ["README.md", "Main", "Service", "Tests"].compactMap { part in
        let path = "services/\(folder)/\(part)"
        return paths.contains(path) ? nil : Finding(path: path, line: 1, message: "is missing")
      }
    }
  }

  // MARK: Links

  /// Links of Markdown files lead to files of the checkout, and to headings that are there.
  static func links(_ repository: Repository) -> [Finding] {
    let pages = repository.texts(endingIn: ".md")
    let anchors = Dictionary(pages.map { ($0.path, headings(of: $0)) }, uniquingKeysWith: { $1 })
    return pages.flatMap { page in
      links(of: page).compactMap { link, index -> Finding? in
        guard !link.contains("://"), !link.hasPrefix("mailto:") else { return nil }
        let parts = link.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
        guard let path = resolve(String(parts[0]), from: page.path) else {
          return page.finding(index, "the link \(link) leaves the checkout")
        }
        guard path.isEmpty || repository.paths.contains(path) else {
          return page.finding(index, "the link \(link) leads nowhere")
        }
        guard parts.count == 2, let known = anchors[path], !known.contains(String(parts[1])) else {
          return nil
        }
        return page.finding(index, "\(path) has no heading #\(parts[1])")
      }
    }
  }

  /// Targets of `[text](target)` and `![text](target)` outside code, with their lines.
  private static func links(of page: TextFile) -> [(String, Int)] {
    var links: [(String, Int)] = []
    for (index, line) in proseLines(of: page) {
      var rest = line[...]
      while let start = rest.range(of: "](") {
        rest = rest[start.upperBound...]
        guard let end = rest.firstIndex(of: ")") else { break }
        // A title may follow the target.
        links.append((rest[..<end].split(separator: " ").first.map(String.init) ?? "", index))
        rest = rest[end...]
      }
    }
    return links
  }

  /// Lines outside fenced blocks, with code in backticks taken out.
  private static func proseLines(of page: TextFile) -> [(Int, String)] {
    var lines: [(Int, String)] = []
    var isFenced = false
    for (index, line) in page.lines.enumerated() {
      if line.drop(while: \.isWhitespace).hasPrefix("```") {
        isFenced.toggle()
      } else if !isFenced {
        let parts = line.split(separator: "`", omittingEmptySubsequences: false)
        let prose = parts.enumerated().filter { $0.offset % 2 == 0 }.map(\.element)
        lines.append((index, prose.joined(separator: "``")))
      }
    }
    return lines
  }

  /// Anchors as code hosts make them: lower case, spaces to hyphens, punctuation dropped.
  private static func headings(of page: TextFile) -> Set<String> {
    var isFenced = false
    var anchors: Set<String> = []
    for line in page.lines {
      if line.hasPrefix("```") { isFenced.toggle() }
      guard !isFenced, line.hasPrefix("#") else { continue }
      let title = line.drop { $0 == "#" }.trimmingCharacters(in: .whitespaces).lowercased()
      anchors.insert(
        title.replacing(" ", with: "-").filter {
          $0.isLetter || $0.isNumber || $0 == "-" || $0 == "_"
        })
    }
    return anchors
  }

  /// The path from the root that a link on a page means, or nil when it climbs out.
  static func resolve(_ link: String, from page: String) -> String? {
    if link.isEmpty { return page }
    var parts = link.hasPrefix("/") ? [] : page.split(separator: "/").dropLast().map(String.init)
    for part in link.split(separator: "/") where part != "." {
      if part == ".." {
        guard !parts.isEmpty else { return nil }
        parts.removeLast()
      } else {
        parts.append(String(part))
      }
    }
    return parts.joined(separator: "/")
  }
}
