import Foundation
import IdentityAPI
import ServiceKit

/// An account about to be made: parsed and valid.
struct PendingAccountDraft: Sendable {
  let organizationID: UUID
  let givenName: String
  let familyName: String
  let email: EmailAddress?
  let language: String
  let professional: Bool

  /// How the person is called.
  var displayName: String { "\(givenName) \(familyName)" }

  /// Names every bad field at once; throws EMAIL_INVALID when the address alone is bad.
  init(_ request: CreatePendingAccountRequest) throws {
    var errors = FieldErrors()
    let organization = Parse.uuid(request.organizationID, "organization_id", &errors)
    let given = Parse.text(request.givenName, "given_name", 1...100, &errors)
    let family = Parse.text(request.familyName, "family_name", 1...100, &errors)
    let language = Parse.language(request.language, "language", &errors)
    if request.requestID.isEmpty { errors.add("request_id", "is required") }
    try errors.throwIfAny()
    let email = EmailAddress(request.loginEmail)
    guard let organization, let given, let family, let language,
      email != nil || request.loginEmail.isEmpty
    else { throw IdentityError.emailInvalid(field: "login_email") }
    organizationID = organization
    givenName = given
    familyName = family
    self.email = email
    self.language = language
    professional = request.professional
  }

  /// What the username begins with. Numbers in order are tried first; when others keep being
  /// faster, chance parts the crowd.
  func stem(_ attempt: Int) -> String {
    let stem = Username.stem(given: givenName, family: familyName)
    return attempt <= 2 ? stem : "\(stem)_\(Int.random(in: 1000...9999))"
  }
}
