import ClientDirectoryAPI
import Foundation
import Postgres

/// A list as it was asked for, ready to be read.
struct ClientListQuery: Sendable {
  let organization: UUID
  let shape: ClientListShape
  /// The last row of the page before.
  let start: (sortKey: String, clientID: UUID)
  /// Most rows.
  let limit: Int
  /// What the filter compares with, as text; empty without one.
  let filterValue: String
  /// The caller's branches, or the caller's employee id alone.
  let visibilityIDs: [UUID]
}

/// What tells one list statement from another.
struct ClientListShape: Sendable, Hashable {
  /// What is filtered by.
  enum Filter: String, Sendable, Hashable, CaseIterable {
    case none, accessState, branch, caseManager, stakeholder, label
  }
  /// Which files the caller sees.
  enum Sight: Sendable, Hashable, CaseIterable {
    case all, branches, own
  }
  /// The order.
  enum Order: String, Sendable, Hashable, CaseIterable {
    case name, newest
  }

  let filter: Filter
  let sight: Sight
  let order: Order

  /// Every list that is offered.
  static let allCases = Filter.allCases.flatMap { filter in
    Sight.allCases.flatMap { sight in
      Order.allCases.map { ClientListShape(filter: filter, sight: sight, order: $0) }
    }
  }
}

/// The list statements: one a shape, each of them reading an index in the order of the list and then
/// each file's own row alone, so that a page costs the same wherever it lies and however many there
/// are.
///
/// All take the same parameters: $1 organisation, $2 and $3 sort key and id of the last row seen,
/// $4 most rows, $5 the filter's value as text, $6 the caller's branches or employee id.
enum ClientLists: Table {
  static let byShape = Dictionary(
    uniqueKeysWithValues: ClientListShape.allCases.map { ($0, Statement<ClientRow>(sql($0))) })
  static let statements: [any DescribedStatement] = Array(byShape.values)

  /// The text of a list statement, which reads the narrowest index there is.
  static func sql(_ shape: ClientListShape) -> String {
    switch (shape.sight, shape.filter) {
    case (.own, _):
      linked(shape, to: "stakeholders", by: "employee_id = ($6::uuid[])[1]")
    case (_, .stakeholder):
      linked(shape, to: "stakeholders", by: "employee_id = $5::text::uuid")
    case (_, .label):
      linked(shape, to: "client_labels", by: "label = $5::text")
    case (.branches, .none):
      branchwise(shape)
    default:
      direct(shape)
    }
  }

  private static func direct(_ shape: ClientListShape) -> String {
    """
    select \(ClientRow.listColumns(of: "f")) from clients f
    where f.organization_id = $1 and \(filter(shape, "f")) and \(sight(shape, "f"))
      and \(after(shape, "f"))
    order by \(order(shape, "f")) limit $4
    """
  }

  /// Reads the link's index in the order of the list, and each file by its key; the `offset 0`
  /// keeps the planner from reading the files first.
  private static func linked(_ shape: ClientListShape, to table: String, by match: String)
    -> String
  {
    """
    select \(ClientRow.listColumns(of: "k")) from \(table) l
    cross join lateral (
      select \(ClientRow.listColumns(of: "f")) from clients f
      where f.organization_id = $1 and f.client_id = l.client_id offset 0
    ) as k
    where l.organization_id = $1 and l.\(match) and \(linkedFilter(shape)) and
      \(sight(shape, "k")) and \(after(shape, "l"))
    order by \(order(shape, "l")) limit $4
    """
  }

  /// A page of each branch, merged.
  private static func branchwise(_ shape: ClientListShape) -> String {
    """
    select \(ClientRow.listColumns(of: "k")) from unnest($6::uuid[]) as b (branch_id)
    cross join lateral (
      select \(ClientRow.listColumns(of: "f")) from clients f
      where f.organization_id = $1 and f.branch_id = b.branch_id and \(after(shape, "f"))
      order by \(order(shape, "f")) limit $4
    ) as k
    where $5::text is not null
    order by \(order(shape, "k")) limit $4
    """
  }

  private static func filter(_ shape: ClientListShape, _ table: String) -> String {
    switch shape.filter {
    case .none: "$5::text is not null"
    case .accessState: "\(table).access_state = $5::text::int2"
    case .branch: "\(table).branch_id = $5::text::uuid"
    case .caseManager: "\(table).case_manager_id = $5::text::uuid"
    case .stakeholder: linked(table, to: "stakeholders", by: "o.employee_id = $5::text::uuid")
    case .label: linked(table, to: "client_labels", by: "o.label = $5::text")
    }
  }

  /// Whether a file has a link; the `offset 0` keeps the planner from reading all such links first.
  private static func linked(_ table: String, to links: String, by match: String) -> String {
    """
    exists (select from \(links) o where o.organization_id = $1 and \(match)
      and o.client_id = \(table).client_id offset 0)
    """
  }

  /// The filter of a statement that reads a link first, unless that link is the filter. What another
  /// link decides is asked of its index, before the file is read.
  private static func linkedFilter(_ shape: ClientListShape) -> String {
    guard shape.sight == .own else { return "true" }
    return filter(shape, shape.filter == .stakeholder || shape.filter == .label ? "l" : "k")
  }

  private static func sight(_ shape: ClientListShape, _ table: String) -> String {
    shape.sight == .branches
      ? "\(table).branch_id = any ($6::uuid[])" : "$6::uuid[] is not null"
  }

  private static func after(_ shape: ClientListShape, _ table: String) -> String {
    switch shape.order {
    case .name: "(\(table).sort_key, \(table).client_id) > ($2::text, $3)"
    case .newest: "\(table).client_id < $3 and $2::text is not null"
    }
  }

  private static func order(_ shape: ClientListShape, _ table: String) -> String {
    switch shape.order {
    case .name: "\(table).sort_key, \(table).client_id"
    case .newest: "\(table).client_id desc"
    }
  }
}
