import Foundation
import Mustache

/// Writes invitations: phrases in the reader's language, laid out as text and as HTML.
struct InvitationWriter: Sendable {
  /// One phrase each of `InvitationPhrases`, parsed.
  private struct Templates: Sendable {
    let greeting, introduction, signIn, action, expiry, unexpected, closing: MustacheTemplate

    init(_ phrases: InvitationPhrases) throws {
      greeting = try MustacheTemplate(string: phrases.greeting)
      introduction = try MustacheTemplate(string: phrases.introduction)
      signIn = try MustacheTemplate(string: phrases.signIn)
      action = try MustacheTemplate(string: phrases.action)
      expiry = try MustacheTemplate(string: phrases.expiry)
      unexpected = try MustacheTemplate(string: phrases.unexpected)
      closing = try MustacheTemplate(string: phrases.closing)
    }
  }

  private struct Kind: Hashable {
    let purpose: MessagePurpose
    let language: MailLanguage
  }

  private let templates: [Kind: Templates]
  private let subjects: [Kind: MustacheTemplate]
  private let textLayout: MustacheTemplate
  private let htmlLayout: MustacheTemplate
  private let publicURL: String
  private let senderAddress: String
  private let standardLanguage: String

  /// - Parameters:
  ///   - publicURL: where people reach the gateway, without a slash at the end.
  ///   - senderAddress: what mails come from.
  ///   - standardLanguage: BCP 47 tag for readers whose language we do not write.
  /// - Throws: when a template cannot be parsed.
  init(publicURL: String, senderAddress: String, standardLanguage: String) throws {
    self.publicURL = publicURL
    self.senderAddress = senderAddress
    self.standardLanguage = standardLanguage
    textLayout = try MustacheTemplate(string: MailLayout.text)
    htmlLayout = try MustacheTemplate(string: MailLayout.html)
    var templates: [Kind: Templates] = [:]
    var subjects: [Kind: MustacheTemplate] = [:]
    for purpose in MessagePurpose.allCases {
      for language in MailLanguage.allCases {
        let kind = Kind(purpose: purpose, language: language)
        guard let phrases = InvitationPhrases.of(purpose, in: language) else { continue }
        templates[kind] = try Templates(phrases)
        subjects[kind] = try MustacheTemplate(string: phrases.subject)
      }
    }
    self.templates = templates
    self.subjects = subjects
  }

  /// The language a mail is written in for a reader who asked for another.
  func language(for tag: String) -> MailLanguage {
    MailLanguage.chosen(from: [tag, standardLanguage])
  }

  /// The subject line.
  func subject(
    _ purpose: MessagePurpose, in language: MailLanguage, organization: String
  ) -> String {
    let kind = Kind(purpose: purpose, language: language)
    let organization = HeaderText.clean(organization, characters: 100)
    return HeaderText.clean(subjects[kind]?.render(["organization": organization]) ?? "")
  }

  /// The page that the link opens; the token rides in the fragment, which no server sees.
  func link(token: String) -> String { "\(publicURL)/invitation#token=\(token)" }

  /// The whole mail.
  func write(_ invitation: QueuedInvitation, token: String) -> MIMEMail {
    let language = MailLanguage.chosen(from: [invitation.language])
    let facts: [String: Any] = [
      "organization": HeaderText.clean(invitation.organizationName, characters: 100),
      "name": HeaderText.clean(invitation.displayName, characters: 100),
      "named": !HeaderText.clean(invitation.displayName).isEmpty,
      "email": HeaderText.clean(invitation.recipient, characters: 320),
      "username": HeaderText.clean(invitation.username, characters: 100),
      "emailSignsIn": invitation.emailSignsIn,
      "expires": CivilTime(invitation.expiresAt).spoken(in: language),
    ]
    let page = page(
      Kind(purpose: invitation.purpose, language: language), facts: facts,
      link: link(token: token), subject: invitation.subject)
    return MIMEMail(
      messageID: invitation.messageID, createdAt: invitation.createdAt, language: language,
      sender: (invitation.organizationName, senderAddress),
      recipient: (invitation.displayName, invitation.recipient), subject: invitation.subject,
      text: textLayout.render(page), html: htmlLayout.render(page))
  }

  private func page(
    _ kind: Kind, facts: [String: Any], link: String, subject: String
  ) -> [String: String] {
    guard let templates = templates[kind] else { return [:] }
    return [
      "language": kind.language.rawValue,
      "subject": subject,
      "link": link,
      "greeting": templates.greeting.render(facts),
      "introduction": templates.introduction.render(facts),
      "signIn": templates.signIn.render(facts),
      "action": templates.action.render(facts),
      "expiry": templates.expiry.render(facts),
      "unexpected": templates.unexpected.render(facts),
      "closing": templates.closing.render(facts),
    ]
  }
}
