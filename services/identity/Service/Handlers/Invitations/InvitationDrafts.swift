import Foundation
import IdentityAPI
import ServiceKit

/// An invitation about to be made: parsed and valid.
struct InvitationDraft: Sendable {
  let organizationID: UUID
  let organizationName: String
  let accountID: UUID
  let aim: InvitationAim
  let email: EmailAddress
  let language: String
  let recordID: UUID

  /// Names every bad field at once; throws EMAIL_INVALID when the address alone is bad.
  init(_ request: CreateInvitationRequest) throws {
    var errors = FieldErrors()
    let organization = Parse.uuid(request.organizationID, "organization_id", &errors)
    let name = Parse.text(request.organizationName, "organization_name", 1...200, &errors)
    let account = Parse.uuid(request.accountID, "account_id", &errors)
    let record = Parse.uuid(request.recordID, "record_id", &errors)
    let language = Parse.language(request.language, "language", &errors)
    let aim = InvitationAim(request.purpose)
    if aim == nil { errors.add("purpose", "is required") }
    if request.requestID.isEmpty { errors.add("request_id", "is required") }
    try errors.throwIfAny()
    guard let organization, let name, let account, let record, let language, let aim,
      let email = EmailAddress(request.email)
    else { throw IdentityError.emailInvalid(field: "email") }
    organizationID = organization
    organizationName = name
    accountID = account
    self.aim = aim
    self.email = email
    self.language = language
    recordID = record
  }
}

/// A resend: parsed and valid.
struct ResendDraft: Sendable {
  let organizationID: UUID
  let recordID: UUID
  /// Whom the record stands for now; nil for whoever was invited.
  let accountID: UUID?
  /// Nil keeps the address it has.
  let email: EmailAddress?
  /// Nil keeps the language it has.
  let language: String?

  /// Names every bad field at once; throws EMAIL_INVALID when the address alone is bad.
  init(_ request: ResendInvitationRequest) throws {
    var errors = FieldErrors()
    let organization = Parse.uuid(request.organizationID, "organization_id", &errors)
    let record = Parse.uuid(request.recordID, "record_id", &errors)
    accountID = Parse.optionalUUID(request.accountID, "account_id", &errors)
    language =
      request.language.isEmpty ? nil : Parse.language(request.language, "language", &errors)
    if request.requestID.isEmpty { errors.add("request_id", "is required") }
    try errors.throwIfAny()
    email = EmailAddress(request.email)
    guard let organization, let record, email != nil || request.email.isEmpty else {
      throw IdentityError.emailInvalid(field: "email")
    }
    organizationID = organization
    recordID = record
  }
}
