import ClientDirectoryAPI
import Foundation

/// A number that SMS go to.
enum MobileNumber {
  /// `+` and 7 to 15 digits, the first no zero (ITU-T E.164).
  static func isE164(_ text: String) -> Bool {
    let digits = text.utf8.dropFirst()
    return text.utf8.first == 0x2b && (7...15).contains(digits.count) && digits.first != 0x30
      && digits.allSatisfy { (0x30...0x39).contains($0) }
  }
}

extension Client {
  /// Where a reminder to download the app goes (B27, B28): the primary one of the mobile numbers, or
  /// the first. Throws NO_PRIMARY_EMAIL or NO_MOBILE_NUMBER.
  func reminderNumber() throws(MessagingError) -> String {
    guard contactPoints.contains(where: { $0.kind == .email && $0.rank == .primary }) else {
      throw .noPrimaryEmail
    }
    let mobiles = contactPoints.filter {
      $0.kind == .phone && $0.phoneType == .mobile && MobileNumber.isE164($0.value)
    }
    guard let chosen = mobiles.first(where: { $0.rank == .primary }) ?? mobiles.first else {
      throw .noMobileNumber
    }
    return chosen.value
  }
}

/// Writes the reminder to download the mobile app, short enough for three SMS in any alphabet.
struct AppReminderWriter: Sendable {
  /// Three SMS as one, in UTF-16, which is what they are sent in when a single character is not in
  /// GSM 7-bit.
  static let unitsMax = 3 * 67
  /// What the longest phrase leaves to the organisation's name and to the link.
  static let nameUnitsMax = 40
  static let linkUnitsMax = 80

  /// Where the app is to be had.
  let link: String
  /// BCP 47 tag for readers whose language we do not write.
  let standardLanguage: String

  /// The language an SMS is written in for a reader who asked for another.
  func language(for tag: String) -> MailLanguage {
    MailLanguage.chosen(from: [tag, standardLanguage])
  }

  /// The whole text. The phrases keep to GSM 7-bit.
  func text(in language: MailLanguage, organization: String) -> String {
    let name = Self.cut(HeaderText.clean(organization))
    return switch language {
    case .english: "\(name): your account is in our mobile app too. Download it here: \(link)"
    case .french:
      "\(name) : retrouvez votre compte dans l'application mobile. Téléchargez-la ici : \(link)"
    case .dutch: "\(name): uw account staat ook in onze mobiele app. Download ze hier: \(link)"
    }
  }

  /// As many whole characters as there is room for.
  private static func cut(_ name: String) -> String {
    var units = 0
    return String(
      name.prefix {
        units += $0.utf16.count
        return units <= nameUnitsMax
      })
  }
}
