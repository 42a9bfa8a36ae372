import GRPC

/// What people read: a sentence for each reason and each way out, in each language. Programs go by
/// the reason, never by these.
enum Texts {
  /// The sentence for a reason; the code's own when the reason has none.
  static func reason(_ reason: String, code: StatusCode, _ language: Language) -> String {
    let table = reasons(language)
    return table[reason] ?? table[code.name] ?? table["INTERNAL"] ?? reason
  }

  /// The text of a way out; empty when the key has none.
  static func label(_ key: String, _ language: Language) -> String {
    labels(language)[key] ?? ""
  }

  /// Every sentence of a language, by reason or by code.
  static func reasons(_ language: Language) -> [String: String] {
    switch language {
    case .english: englishReasons
    case .french: frenchReasons
    case .dutch: dutchReasons
    }
  }

  /// Every way out of a language, by label key.
  static func labels(_ language: Language) -> [String: String] {
    switch language {
    case .english: englishLabels
    case .french: frenchLabels
    case .dutch: dutchLabels
    }
  }
}
