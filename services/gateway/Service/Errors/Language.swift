/// The languages the gateway speaks.
enum Language: String, Sendable, CaseIterable {
  case english = "en"
  case french = "fr"
  case dutch = "nl"

  /// BCP 47.
  var tag: String { rawValue }

  /// The one a browser or a program likes best among ours (RFC 9110 §12.5.4); English when it says
  /// nothing or likes none.
  init(acceptLanguage header: String?) {
    var best: (language: Language, weight: Double)?
    for entry in (header ?? "").prefix(1_000).split(separator: ",").prefix(32) {
      let parts = entry.split(separator: ";").map { $0.trimmed }
      guard let tag = parts.first, let language = Language(tag: tag) else { continue }
      let quality = parts.dropFirst().first { $0.lowercased().hasPrefix("q=") }
      let weight = quality.map { Double($0.dropFirst(2)) ?? 0 } ?? 1
      if weight > 0, weight > (best?.weight ?? 0) { best = (language, weight) }
    }
    self = best?.language ?? .english
  }

  /// The language of a tag such as `fr-CA`; nil for one not spoken here.
  init?(tag: String) {
    guard let primary = tag.split(separator: "-").first else { return nil }
    self.init(rawValue: primary.lowercased())
  }
}

extension Substring {
  /// Without blanks and tabs on either side.
  var trimmed: String {
    var text = self
    while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
    while let last = text.last, last == " " || last == "\t" { text.removeLast() }
    return String(text)
  }
}
