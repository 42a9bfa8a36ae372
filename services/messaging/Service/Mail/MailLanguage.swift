/// The languages that mails are written in.
enum MailLanguage: String, Sendable, CaseIterable {
  case french = "fr"
  case english = "en"
  case dutch = "nl"

  /// The first of the tags that leads to one of ours, region by region (`fr-CA`, then `fr`); English
  /// when none does.
  ///
  /// - Parameter tags: BCP 47, the most wanted first; unreadable ones lead nowhere.
  static func chosen(from tags: [String]) -> MailLanguage {
    for tag in tags {
      var parts = tag.lowercased().split(whereSeparator: { $0 == "-" || $0 == "_" })
      while !parts.isEmpty {
        if let language = MailLanguage(rawValue: parts.joined(separator: "-")) { return language }
        parts.removeLast()
      }
    }
    return .english
  }
}
