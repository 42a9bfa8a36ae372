import ClientDirectoryAPI
import Foundation
import Postgres
import ServiceKit

/// A client's file with its contact points and stakeholders, as one statement reads it.
struct ClientRow: PostgresRow, Hashable {
  /// Most contact points of a file: all of it is in each answer, each event and each row of a list,
  /// which have their own bounds. The same figure is in `clients_contact_ids_check`.
  static let contactPointsMax = 50

  let organizationID: UUID
  let clientID: UUID
  var branchID: UUID
  /// Nil while the client has no way to log in.
  var accountID: UUID?
  var caseManagerID: UUID?
  /// Rises with each change; the etag.
  var version: Int
  let createdAt: PostgresTimestamp
  var updatedAt: PostgresTimestamp
  var accessState: AccessState
  var emailSignsIn: Bool
  var username: String
  /// Where invitations go; empty when nowhere.
  var invitationEmail: String
  var givenName: String
  var familyName: String
  var preferredName: String
  var language: String
  var companyName: String
  var address: PostalAddress
  var caseManagerName: String
  var labels: [String]
  /// The order of lists by name; made by the database.
  let sortKey: String
  var contactPoints: [ContactPointRow]
  var stakeholderIDs: [UUID]

  /// The columns of `clients`, in the order in which `init(from:)` reads them.
  private static let fileColumns = [
    "organization_id", "client_id", "branch_id", "account_id", "case_manager_id", "version",
    "created_at", "updated_at", "access_state", "email_signs_in", "username", "invitation_email",
    "given_name", "family_name", "preferred_name", "language", "company_name", "street",
    "house_number", "box", "postal_code", "city", "province", "country", "case_manager_name",
    "labels", "sort_key",
  ]

  /// The columns of `clients` under an alias.
  private static func fileColumns(of alias: String) -> String {
    fileColumns.map { "\(alias).\($0)" }.joined(separator: ", ")
  }

  /// Everything that `init(from:)` reads, of `clients` alone: a page of a list touches no other table.
  ///
  /// Each change of a file copies its contact points and stakeholders to its row; there, the columns
  /// are NULL in rows that an older program made.
  static func listColumns(of alias: String) -> String {
    fileColumns(of: alias) + copies.map { ", \(alias).\($0)" }.joined()
  }

  private static let copies = [
    "contact_ids", "contact_kinds", "contact_ranks", "contact_phone_types", "contact_values",
    "stakeholder_ids",
  ]

  /// Everything that `init(from:)` reads, of `clients c` and of `joins`: one file as it is, which a
  /// change begins with.
  static let columns = """
    \(fileColumns(of: "c")),
    p.ids, p.kinds, p.ranks, p.phone_types, p.contents, s.employee_ids
    """

  /// What `columns` needs beside `clients c` of the organisation `$1`. Each table says whose rows it
  /// reads by the parameter, so that Citus sees that one node has them.
  static let joins = """
    left join lateral (
      select array_agg(o.contact_point_id) as ids, array_agg(o.kind) as kinds,
        array_agg(o.rank) as ranks, array_agg(o.phone_type) as phone_types,
        array_agg(o.value) as contents
      from (
        select contact_point_id, kind, rank, phone_type, value from contact_points
        where organization_id = $1 and client_id = c.client_id
        order by rank, kind, contact_point_id
      ) as o
    ) as p on true
    left join lateral (
      select array_agg(employee_id) as employee_ids from stakeholders
      where organization_id = $1 and client_id = c.client_id
    ) as s on true
    """

  init(from columns: inout ColumnReader) throws(PostgresError) {
    organizationID = try columns.next()
    clientID = try columns.next()
    branchID = try columns.next()
    accountID = try columns.next()
    caseManagerID = try columns.next()
    version = try columns.next()
    createdAt = try columns.next()
    updatedAt = try columns.next()
    accessState = AccessState(rawValue: Int32(try columns.next(Int16.self)))
    emailSignsIn = try columns.next()
    username = try columns.next()
    invitationEmail = try columns.next()
    givenName = try columns.next()
    familyName = try columns.next()
    preferredName = try columns.next()
    language = try columns.next()
    companyName = try columns.next()
    address = PostalAddress(
      street: try columns.next(), number: try columns.next(), box: try columns.next(),
      postalCode: try columns.next(), city: try columns.next(), province: try columns.next(),
      country: try columns.next())
    caseManagerName = try columns.next()
    labels = try columns.next()
    sortKey = try columns.next()
    contactPoints = try ContactPointRow.list(from: &columns)
    stakeholderIDs = try columns.next([UUID]?.self) ?? []
  }

  /// A new file.
  init(
    _ draft: ClientDraft, organizationID: UUID, clientID: UUID, placement: Placement,
    language: String, at moment: Date
  ) {
    self.organizationID = organizationID
    self.clientID = clientID
    branchID = placement.branchID
    caseManagerID = draft.caseManager.employeeID
    version = 1
    createdAt = PostgresTimestamp(moment)
    updatedAt = createdAt
    accessState = .noLogin
    emailSignsIn = false
    username = ""
    invitationEmail = ""
    givenName = draft.givenName
    familyName = draft.familyName
    preferredName = ""
    self.language = language
    companyName = draft.companyName
    address = draft.address
    caseManagerName = draft.caseManager.name
    labels = draft.labels
    sortKey = ""
    contactPoints = []
    stakeholderIDs = [placement.stakeholderID]
  }

  /// Says when it was changed.
  mutating func touch(at moment: Date) { updatedAt = PostgresTimestamp(moment) }

  /// The primary contact point of a kind.
  func primary(_ kind: ContactKind) -> ContactPointRow? {
    contactPoints.first { $0.kind == kind && $0.rank == .primary }
  }

  /// Adds a contact point, or puts another in the place of the one with its id, and keeps the order
  /// in which they are read.
  mutating func put(_ point: ContactPointRow) {
    contactPoints.removeAll { $0.contactPointID == point.contactPointID }
    contactPoints.append(point)
    contactPoints.sort { $0.order < $1.order }
  }

  /// Makes the primary contact point of a kind a secondary one.
  mutating func demotePrimary(_ kind: ContactKind) {
    guard var old = primary(kind) else { return }
    old.rank = .secondary
    put(old)
  }
}

/// An address or a number.
struct ContactPointRow: Sendable, Hashable {
  let contactPointID: UUID
  let kind: ContactKind
  var rank: ContactRank
  var phoneType: PhoneType
  /// As typed, a phone in E.164.
  let value: String

  init(
    contactPointID: UUID, kind: ContactKind, rank: ContactRank, phoneType: PhoneType = .unspecified,
    value: String
  ) {
    self.contactPointID = contactPointID
    self.kind = kind
    self.rank = rank
    self.phoneType = phoneType
    self.value = value
  }

  /// For comparing.
  var normalized: String {
    kind == .email ? EmailAddress(value)?.normalized ?? value.lowercased() : value
  }

  /// Whether both are one address or one number.
  func isSame(as other: ContactPointRow) -> Bool {
    kind == other.kind && normalized == other.normalized
  }

  /// Primary ones first, e-mails before phones, older ones before newer ones.
  var order: ContactPointOrder {
    ContactPointOrder(
      rank: rank.rawValue, kind: kind.rawValue, contactPointID: contactPointID.text)
  }

  /// Reads the five columns of arrays that `ClientRow.joins` makes.
  fileprivate static func list(
    from columns: inout ColumnReader
  ) throws(PostgresError) -> [ContactPointRow] {
    let ids = try columns.next([UUID]?.self) ?? []
    let kinds = try columns.next([Int16]?.self) ?? []
    let ranks = try columns.next([Int16]?.self) ?? []
    let phoneTypes = try columns.next([Int16]?.self) ?? []
    let values = try columns.next([String]?.self) ?? []
    guard
      [kinds.count, ranks.count, phoneTypes.count, values.count].allSatisfy({ $0 == ids.count })
    else { throw .decoding("contact points of different lengths") }
    return ids.indices.map { index in
      ContactPointRow(
        contactPointID: ids[index], kind: ContactKind(rawValue: Int32(kinds[index])),
        rank: ContactRank(rawValue: Int32(ranks[index])),
        phoneType: PhoneType(rawValue: Int32(phoneTypes[index])), value: values[index])
    }
  }
}

/// The order in which contact points are read.
struct ContactPointOrder: Comparable {
  let rank: Int32
  let kind: Int32
  let contactPointID: String

  static func < (one: ContactPointOrder, other: ContactPointOrder) -> Bool {
    (one.rank, one.kind, one.contactPointID) < (other.rank, other.kind, other.contactPointID)
  }
}
