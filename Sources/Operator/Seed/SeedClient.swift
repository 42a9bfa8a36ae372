import Foundation

/// A client's file of the seed, in the values of the columns.
struct SeedClient: Sendable {
  /// Numbers of client_directory.v1.AccessState.
  enum State: Int16 {
    case noLogin = 1
    case invitable = 2
    case invited = 3
    case active = 4
  }

  /// An address or a number.
  struct Point: Sendable {
    /// Numbers of ContactKind, ContactRank and PhoneType of client_directory.v1.
    static let email: Int16 = 1
    static let phone: Int16 = 2
    static let primary: Int16 = 1
    static let secondary: Int16 = 2
    static let mobile: Int16 = 1
    static let home: Int16 = 2

    let id: UUID
    let kind: Int16
    let rank: Int16
    let phoneType: Int16
    /// Lower-case ASCII or E.164, so that it is its own normal form.
    let value: String
  }

  struct Address: Sendable {
    let street: String
    let houseNumber: String
    let box: String
    let postalCode: String
    let city: String
    let province: String
    let country: String
  }

  let id: UUID
  let branchID: UUID
  let givenName: String
  let familyName: String
  let preferredName: String
  let language: String
  let companyName: String
  let address: Address
  let createdAt: Date
  let state: State
  let account: SeedAccount?
  let caseManagerID: UUID?
  let caseManagerName: String
  let employeeIDs: [UUID]
  let labels: [String]
  let points: [Point]

  /// Where invitations go.
  var invitationEmail: String {
    account == nil ? "" : points.first { $0.kind == Point.email }?.value ?? ""
  }

  /// Whether the primary e-mail is the login.
  var emailSignsIn: Bool { account?.loginEmail != nil }
}
