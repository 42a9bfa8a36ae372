import CommonAPI
import Foundation
import GRPC
import OrganizationAPI
import ServiceKit

/// An organisation about to be opened: parsed and valid input.
struct OrganizationDraft: Sendable {
  let name: String
  let country: String
  let languages: [String]
  let timeZone: String
  let branchName: String
  let policy: PolicyDraft
  let administrator: PersonDraft

  /// Throws INVALID_ARGUMENT with every bad field; EMAIL_INVALID when the address is among them.
  init(validating request: CreateOrganizationRequest) throws {
    var errors = FieldErrors()
    let name = Parse.text(request.name, "name", 1...200, &errors)
    let country = Self.country(request.country, &errors)
    var languages: [String] = []
    for (index, tag) in request.languages.prefix(10).enumerated() {
      if let language = Parse.language(tag, "languages[\(index)]", &errors),
        !languages.contains(language)
      {
        languages.append(language)
      }
    }
    if request.languages.isEmpty { errors.add("languages", "names at least one language") }
    if request.languages.count > 10 { errors.add("languages", "has more than 10 languages") }
    if TimeZone(identifier: request.timeZone) == nil || request.timeZone.utf8.count > 64 {
      errors.add("time_zone", "is no IANA time zone")
    }
    let branchName = Parse.text(request.branchName, "branch_name", 0...200, &errors)
    let policy = PolicyDraft(request.policy ?? Policy(), &errors)
    let administrator = try PersonDraft(
      givenName: (request.administratorGivenName, "administrator_given_name"),
      familyName: (request.administratorFamilyName, "administrator_family_name"),
      email: (request.administratorEmail, "administrator_email"), for: "CreateOrganization",
      &errors)
    try errors.throwIfAny()
    guard let name, let country, let branchName, let administrator else {
      throw RPCError(.internalError, "internal error")
    }
    self.name = name
    self.country = country
    self.languages = languages
    self.timeZone = request.timeZone
    self.branchName = branchName.isEmpty ? name : branchName
    self.policy = policy
    self.administrator = administrator
  }

  private static func country(_ text: String, _ errors: inout FieldErrors) -> String? {
    guard text.utf8.count == 2, text.utf8.allSatisfy({ $0 >= 0x41 && $0 <= 0x5a }) else {
      errors.add("country", "is no ISO 3166-1 alpha-2 code")
      return nil
    }
    return text
  }
}

/// The rules of a new organisation, with what holds unless said otherwise (domain 5.8).
struct PolicyDraft: Sendable {
  let invitationTrigger: InvitationTrigger
  let emailRequired: Bool
  let emailDisclosure: EmailDisclosure

  init(_ policy: Policy, _ errors: inout FieldErrors) {
    switch policy.invitationTrigger {
    case .unspecified: invitationTrigger = .onCreate
    case .unrecognized:
      errors.add("policy.invitation_trigger", "is not known")
      invitationTrigger = .onCreate
    default: invitationTrigger = policy.invitationTrigger
    }
    switch policy.emailDisclosure {
    case .unspecified: emailDisclosure = .full
    case .unrecognized:
      errors.add("policy.email_disclosure", "is not known")
      emailDisclosure = .full
    default: emailDisclosure = policy.emailDisclosure
    }
    emailRequired = policy.emailRequired
  }
}

/// Somebody about to join the staff.
struct PersonDraft: Sendable {
  let givenName: String
  let familyName: String
  let email: EmailAddress

  /// Nil when something was noted. Throws EMAIL_INVALID, with everything noted, for a bad address.
  ///
  /// - Parameter rpc: takes another one.
  init?(
    givenName: (text: String, field: String), familyName: (text: String, field: String),
    email: (text: String, field: String), for rpc: String, _ errors: inout FieldErrors
  ) throws {
    let given = Parse.text(givenName.text, givenName.field, 1...100, &errors)
    let family = Parse.text(familyName.text, familyName.field, 1...100, &errors)
    guard let address = EmailAddress(email.text) else {
      errors.add(email.field, "is no e-mail address")
      throw OrganizationError.emailInvalid(rpc: rpc, errors.violations)
    }
    guard let given, let family else { return nil }
    self.givenName = given
    self.familyName = family
    self.email = address
  }
}
