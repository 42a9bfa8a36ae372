import ClientDirectoryAPI
import CommonAPI
import Foundation
import GRPC
import ServiceKit

/// A client about to be created: parsed and valid input.
struct ClientDraft: Sendable {
  let email: EmailAddress?
  let givenName: String
  let familyName: String
  let language: String?
  let assigneeID: UUID?
  let branchID: UUID?
  let resolution: ExistingEmailResolution
  let companyName: String
  let address: PostalAddress
  let labels: [String]
  let caseManager: CaseManagerDraft
  let mobile: PhoneNumber?

  /// Throws INVALID_ARGUMENT: EMAIL_INVALID or NO_EMAIL_NOT_CONFIRMED first, since the e-mail is
  /// asked first (B3, B17); else FIELDS_INVALID with every bad field.
  init(validating request: CreateClientRequest) throws {
    var errors = FieldErrors()
    email = try Self.email(request)
    let givenName = Parse.text(request.givenName, "given_name", 1...100, &errors)
    let familyName = Parse.text(request.familyName, "family_name", 1...100, &errors)
    language =
      request.language.isEmpty ? nil : Parse.language(request.language, "language", &errors)
    assigneeID = Parse.optionalUUID(request.assigneeID, "assignee_id", &errors)
    branchID = Parse.optionalUUID(request.branchID, "branch_id", &errors)
    if case .unrecognized = request.existingEmailResolution {
      errors.add("existing_email_resolution", "is not known")
    }
    resolution = request.existingEmailResolution
    let companyName = Parse.text(request.companyName, "company_name", 0...200, &errors)
    address = Fields.address(request.address ?? PostalAddress(), "address", &errors)
    labels = Fields.labels(request.labels, "labels", &errors)
    caseManager = CaseManagerDraft(request.caseManager, "case_manager", &errors)
    mobile = request.mobilePhone.isEmpty ? nil : PhoneNumber(request.mobilePhone)
    if mobile == nil, !request.mobilePhone.isEmpty {
      errors.add("mobile_phone", "is no number with its country code")
    }
    try errors.throwIfAny()
    self.givenName = givenName ?? ""
    self.familyName = familyName ?? ""
    self.companyName = companyName ?? ""
  }

  private static func email(_ request: CreateClientRequest) throws -> EmailAddress? {
    guard !request.email.isEmpty else {
      guard request.noEmailConfirmed else { throw ClientDirectoryError.noEmailNotConfirmed }
      return nil
    }
    return try Fields.email(request.email, "email", .create)
  }
}

/// A case manager: an employee, or a name, or nobody (B68).
struct CaseManagerDraft: Sendable, Hashable {
  let employeeID: UUID?
  let name: String

  init(_ message: CaseManager?, _ field: String, _ errors: inout FieldErrors) {
    switch message?.who {
    case .employeeID(let text):
      employeeID = Parse.uuid(text, "\(field).employee_id", &errors)
      name = ""
    case .name(let text):
      employeeID = nil
      name = Parse.text(text, "\(field).name", 1...100, &errors) ?? ""
    case nil:
      employeeID = nil
      name = ""
    }
  }
}

/// Fields that several requests share.
enum Fields {
  /// Throws INVALID_ARGUMENT/EMAIL_INVALID.
  static func email(_ text: String, _ field: String, _ way: EmailWay) throws -> EmailAddress {
    guard let email = EmailAddress(text) else {
      throw ClientDirectoryError.emailInvalid(way, field: field)
    }
    return email
  }

  /// An address; every part may be empty.
  static func address(
    _ address: PostalAddress, _ field: String, _ errors: inout FieldErrors
  ) -> PostalAddress {
    func part(_ text: String, _ name: String, _ length: Int) -> String {
      Parse.text(text, "\(field).\(name)", 0...length, &errors) ?? ""
    }
    let country = part(address.country, "country", 2)
    if !country.isEmpty,
      !country.utf8.allSatisfy({ $0 >= 0x41 && $0 <= 0x5a })
        || country.utf8.count == 1
    {
      errors.add("\(field).country", "is no ISO 3166-1 alpha-2 code")
    }
    return PostalAddress(
      street: part(address.street, "street", 200), number: part(address.number, "number", 20),
      box: part(address.box, "box", 20), postalCode: part(address.postalCode, "postal_code", 20),
      city: part(address.city, "city", 100), province: part(address.province, "province", 100),
      country: country)
  }

  /// At most 20 free tags of 1 to 50 characters, each once, in the order given.
  static func labels(_ labels: [String], _ field: String, _ errors: inout FieldErrors) -> [String] {
    guard labels.count <= 20 else {
      errors.add(field, "has more than 20 labels")
      return []
    }
    var kept: [String] = []
    for (index, text) in labels.enumerated() {
      if let label = Parse.text(text, "\(field)[\(index)]", 1...50, &errors), !kept.contains(label)
      {
        kept.append(label)
      }
    }
    return kept
  }
}
