import CommonAPI
import GRPC

/// What people read: a sentence for each reason and each way out, in each language. Programs go by
/// the reason, never by these.
///
/// What a method alone says stands in its proto; what several say, and the codes, stand in the
/// tables of the languages here.
struct Texts: Sendable {
  private var byKey: [String: Sentence] = [:]

  /// - Parameter services: whose methods bring sentences along.
  init(_ services: [ServiceDescriptor]) throws {
    for service in services {
      for sentence in try DescriptorReader.sentences(of: service.fileDescriptors) {
        byKey[sentence.key] = sentence
      }
    }
  }

  /// The sentence for a reason; the code's own when the reason has none.
  func reason(_ reason: String, code: StatusCode, _ language: Language) -> String {
    let table = Self.reasons(language)
    return table[reason] ?? byKey[reason]?.text(language) ?? table[code.name] ?? reason
  }

  /// The text of a way out; empty when the key has none.
  func label(_ key: String, _ language: Language) -> String {
    Self.labels(language)[key] ?? byKey[key]?.text(language) ?? ""
  }

  /// What the protos say, by reason or label key.
  func protoTexts(_ language: Language) -> [String: String] {
    byKey.mapValues { $0.text(language) }
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

extension Sentence {
  /// What it says in a language.
  fileprivate func text(_ language: Language) -> String {
    switch language {
    case .english: en
    case .french: fr
    case .dutch: nl
    }
  }
}
