import ClientDirectoryAPI
import Feed
import Foundation
import Postgres
import Protobuf

/// What else a changed file brings with it.
enum ClientEffect: Sendable, Hashable {
  /// The labels are others.
  case relabel
  /// The primary contact point of a kind is one no more; before another becomes it.
  case demote(ContactKind)
  /// A contact point is new.
  case insert(ContactPointRow)
  /// A contact point becomes the primary one.
  case promote(ContactPointRow)
  /// A number is of another type.
  case retype(ContactPointRow)
  /// What was still to be sent is not to be sent any more.
  case dropInvitationJob
}

/// The statements that write a file.
enum ClientWrites: Table {
  static let insert = Statement<NoRow>(
    """
    insert into clients (organization_id, client_id, branch_id, account_id, case_manager_id,
      version, created_at, updated_at, access_state, email_signs_in, username, invitation_email,
      given_name, family_name, preferred_name, language, company_name, street, house_number, box,
      postal_code, city, province, country, case_manager_name, labels, stakeholder_ids,
      contact_ids, contact_kinds, contact_ranks, contact_phone_types, contact_values)
    values ($1, $2, $3, $4, $5, 1, $6, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
      $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30)
    """)
  /// The words are those that make the file's own `sort_key`, of which this is a copy. On Citus a row
  /// that is looked up costs a step more.
  static let assign = Statement<NoRow>(
    #"""
    insert into stakeholders (organization_id, client_id, employee_id, sort_key, created_at)
    values ($1, $2, $3, regexp_replace(
      normalize(lower(($4::text || U&'\0001' || $5::text) collate "und-x-icu"), nfd),
      U&'[\0300-\036f]', '', 'g'), $6)
    """#)
  static let update = Statement<NoRow>(
    """
    with file as (
      update clients set version = version + 1, updated_at = $4, branch_id = $5, account_id = $6,
        case_manager_id = $7, access_state = $8, email_signs_in = $9, username = $10,
        invitation_email = $11, given_name = $12, family_name = $13, preferred_name = $14,
        language = $15, company_name = $16, street = $17, house_number = $18, box = $19,
        postal_code = $20, city = $21, province = $22, country = $23, case_manager_name = $24,
        labels = $25, stakeholder_ids = $26, contact_ids = $27, contact_kinds = $28,
        contact_ranks = $29, contact_phone_types = $30, contact_values = $31
      where organization_id = $1 and client_id = $2 and version = $3
      returning client_id
    )
    select demand_change((select count(*) from file))
    """)
  static let unlabel = Statement<NoRow>(
    """
    delete from client_labels
    where organization_id = $1 and client_id = $2 and label <> all ($3::text[])
    """)
  static let label = Statement<NoRow>(
    """
    insert into client_labels (organization_id, label, sort_key, client_id)
    select c.organization_id, l.label, c.sort_key, c.client_id
    from clients c cross join unnest($3::text[]) as l (label)
    where c.organization_id = $1 and c.client_id = $2
    on conflict on constraint client_labels_pkey do nothing
    """)
  static let demote = Statement<NoRow>(
    """
    update contact_points set rank = 2
    where organization_id = $1 and client_id = $2 and kind = $3 and rank = 1
    """)
  static let promote = Statement<NoRow>(
    """
    update contact_points set rank = 1
    where organization_id = $1 and client_id = $2 and contact_point_id = $3
    """)
  static let retype = Statement<NoRow>(
    """
    update contact_points set phone_type = $4
    where organization_id = $1 and client_id = $2 and contact_point_id = $3
    """)
  static let insertPoint = Statement<NoRow>(
    """
    insert into contact_points (organization_id, client_id, contact_point_id, kind, rank,
      phone_type, value, normalized, created_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    """)
  /// Labels and stakeholders are listed in the order of a file's name, of which they have copies.
  static let copySortKey = Statement<NoRow>(
    """
    with tags as (
      update client_labels l set sort_key = c.sort_key from clients c
      where l.organization_id = $1 and l.client_id = $2 and c.organization_id = $1
        and c.client_id = $2 and l.sort_key <> c.sort_key
    )
    update stakeholders s set sort_key = c.sort_key from clients c
    where s.organization_id = $1 and s.client_id = $2 and c.organization_id = $1
      and c.client_id = $2 and s.sort_key <> c.sort_key
    """)
  static let statements: [any DescribedStatement] = [
    insert, assign, update, copySortKey, unlabel, label, demote, promote, retype, insertPoint,
  ]

  /// Stores a new file whole: its row, and what hangs on it. On Citus one WITH for all of it would
  /// take the row to every node, and a node that is away would keep all organisations from writing.
  static func inserting(_ row: ClientRow) -> [AnyQuery] {
    var queries = [AnyQuery(insertingFile(row))]
    queries += row.stakeholderIDs.map { employee in
      AnyQuery(
        assign(
          row.organizationID, row.clientID, employee, row.familyName, row.givenName, row.createdAt))
    }
    if !row.labels.isEmpty {
      queries.append(AnyQuery(label(row.organizationID, row.clientID, row.labels)))
    }
    return queries + row.contactPoints.map { inserting($0, of: row) }
  }

  private static func insertingFile(_ row: ClientRow) -> Query<NoRow> {
    let points = row.contactPoints
    return insert(
      row.organizationID, row.clientID, row.branchID, row.accountID, row.caseManagerID,
      row.createdAt, Int16(row.accessState.rawValue), row.emailSignsIn, row.username,
      row.invitationEmail, row.givenName, row.familyName, row.preferredName, row.language,
      row.companyName, row.address.street, row.address.number, row.address.box,
      row.address.postalCode, row.address.city, row.address.province, row.address.country,
      row.caseManagerName, row.labels, row.stakeholderIDs, points.map(\.contactPointID),
      points.map { Int16($0.kind.rawValue) }, points.map { Int16($0.rank.rawValue) },
      points.map { Int16($0.phoneType.rawValue) }, points.map(\.value))
  }

  private static func inserting(_ point: ContactPointRow, of row: ClientRow) -> AnyQuery {
    AnyQuery(
      insertPoint(
        row.organizationID, row.clientID, point.contactPointID, Int16(point.kind.rawValue),
        Int16(point.rank.rawValue), Int16(point.phoneType.rawValue), point.value,
        point.normalized, row.updatedAt))
  }

  /// Stores a changed file with what the change brings, and its news.
  static func changing(_ row: ClientRow, _ effects: [ClientEffect]) -> [AnyQuery] {
    var queries = [
      AnyQuery(updating(row)), AnyQuery(copySortKey(row.organizationID, row.clientID)),
    ]
    queries += effects.flatMap { self.queries($0, of: row) }
    let changed = Client(row.next)
    queries.append(
      AnyQuery(
        Events.append(
          kind: "client.updated", organization: row.organizationID, aggregate: row.clientID,
          payload: ClientChanged(client: changed).serialized())))
    for case .promote(let point) in effects { queries.append(news(of: point, in: row)) }
    for case .insert(let point) in effects where point.rank == .primary {
      queries.append(news(of: point, in: row))
    }
    return queries
  }

  private static func updating(_ row: ClientRow) -> Query<NoRow> {
    let points = row.contactPoints
    return update(
      row.organizationID, row.clientID, row.version, row.updatedAt, row.branchID, row.accountID,
      row.caseManagerID, Int16(row.accessState.rawValue), row.emailSignsIn, row.username,
      row.invitationEmail, row.givenName, row.familyName, row.preferredName, row.language,
      row.companyName, row.address.street, row.address.number, row.address.box,
      row.address.postalCode, row.address.city, row.address.province, row.address.country,
      row.caseManagerName, row.labels, row.stakeholderIDs, points.map(\.contactPointID),
      points.map { Int16($0.kind.rawValue) }, points.map { Int16($0.rank.rawValue) },
      points.map { Int16($0.phoneType.rawValue) }, points.map(\.value))
  }

  private static func queries(_ effect: ClientEffect, of row: ClientRow) -> [AnyQuery] {
    switch effect {
    case .relabel:
      [
        AnyQuery(unlabel(row.organizationID, row.clientID, row.labels)),
        AnyQuery(label(row.organizationID, row.clientID, row.labels)),
      ]
    case .demote(let kind):
      [AnyQuery(demote(row.organizationID, row.clientID, Int16(kind.rawValue)))]
    case .insert(let point):
      [inserting(point, of: row)]
    case .promote(let point):
      [AnyQuery(promote(row.organizationID, row.clientID, point.contactPointID))]
    case .retype(let point):
      [
        AnyQuery(
          retype(
            row.organizationID, row.clientID, point.contactPointID,
            Int16(point.phoneType.rawValue)))
      ]
    case .dropInvitationJob:
      [InvitationJobs.dropping(row.clientID, of: row.organizationID)]
    }
  }

  private static func news(of point: ContactPointRow, in row: ClientRow) -> AnyQuery {
    AnyQuery(
      Events.append(
        kind: "contact_point.primary_changed", organization: row.organizationID,
        aggregate: row.clientID,
        payload: PrimaryContactPointChanged(
          clientID: row.clientID.uuidString.lowercased(), contactPoint: ContactPoint(point)
        ).serialized()))
  }
}
