import ServiceKit

/// What a person types to say who they are: an e-mail address when it has an `@`, else a username.
enum SignInName: Sendable, Hashable {
  case email(EmailAddress)
  /// Normalised.
  case username(String)

  /// Longest text looked at, in bytes.
  static let bytesMax = 1024

  /// Nil when the text can be neither.
  init?(_ text: String) {
    guard text.utf8.count <= Self.bytesMax else { return nil }
    if text.contains("@") {
      guard let address = EmailAddress(text) else { return nil }
      self = .email(address)
    } else {
      guard let name = Username.normalize(text) else { return nil }
      self = .username(name)
    }
  }

  /// How it is stored for comparing.
  var normalized: String {
    switch self {
    case .email(let address): address.normalized
    case .username(let name): name
    }
  }

  /// The kind of identifier.
  var kind: IdentifierKind {
    switch self {
    case .email: .email
    case .username: .username
    }
  }
}
