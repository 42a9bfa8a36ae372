public import ClientDirectoryAPI
import Foundation
public import GRPC
import ServiceKit

extension ClientDirectoryService {
  /// The clients whose files the caller may see, filtered, in order, by pages.
  public func listClients(
    _ request: ListClientsRequest, in call: CallContext
  ) async throws -> ListClientsResponse {
    let organization = try call.organization()
    var errors = FieldErrors()
    let size = Parse.pageSize(request.pageSize, &errors)
    let filter = try ClientFilter(request, &errors)
    let order = Self.order(request.orderBy, &errors)
    try errors.throwIfAny()
    let filters = [order.rawValue, filter.kind.rawValue, filter.value]
    let start = try Self.start(request.pageToken, filters: filters, order: order)
    guard let sight = Sight(Visibility(try call.caller()), filter) else {
      return ListClientsResponse()
    }

    // One more than shown says whether there is a next page.
    let query = ClientListQuery(
      organization: organization,
      shape: ClientListShape(filter: filter.kind, sight: sight.kind, order: order),
      start: start, limit: size + 1, filterValue: filter.value, visibilityIDs: sight.ids)
    let rows = try await storage.clients.page(query, deadline: call.deadline)
    var response = ListClientsResponse(clients: rows.prefix(size).map(Client.init))
    if rows.count > size, let last = rows.prefix(size).last {
      response.nextPageToken = PageToken(keys: [last.sortKey, last.clientID.text])
        .text(filters: filters)
    }
    return response
  }

  private static func order(
    _ order: ClientOrder, _ errors: inout FieldErrors
  ) -> ClientListShape.Order {
    switch order {
    case .unspecified, .name: return .name
    case .createTimeDesc: return .newest
    case .unrecognized:
      errors.add("order_by", "is not known")
      return .name
    }
  }

  /// Before the first row, or the last row of the page before.
  private static func start(
    _ text: String, filters: [String], order: ClientListShape.Order
  ) throws -> (sortKey: String, clientID: UUID) {
    guard !text.isEmpty else { return ("", order == .name ? .first : .last) }
    guard let token = PageToken(text, filters: filters, keyCount: 2),
      let id = UUID(uuidString: token.keys[1])
    else { throw ClientDirectoryError.pageTokenInvalid }
    return (token.keys[0], id)
  }
}

/// The one filter of a list.
private struct ClientFilter {
  let kind: ClientListShape.Filter
  /// What it compares with, in one spelling.
  let value: String

  /// Throws INVALID_ARGUMENT/FILTER_NOT_OFFERED when there are several.
  init(_ request: ListClientsRequest, _ errors: inout FieldErrors) throws {
    var given: [(ClientListShape.Filter, String)] = []
    switch request.accessState {
    case .unspecified: break
    case .unrecognized: errors.add("access_state", "is not known")
    default: given.append((.accessState, "\(request.accessState.rawValue)"))
    }
    if let id = Parse.optionalUUID(request.branchID, "branch_id", &errors) {
      given.append((.branch, id.text))
    }
    if let id = Parse.optionalUUID(request.caseManagerID, "case_manager_id", &errors) {
      given.append((.caseManager, id.text))
    }
    if let id = Parse.optionalUUID(request.stakeholderID, "stakeholder_id", &errors) {
      given.append((.stakeholder, id.text))
    }
    if !request.label.isEmpty, let label = Parse.text(request.label, "label", 1...50, &errors) {
      given.append((.label, label))
    }
    guard given.count <= 1 else { throw ClientDirectoryError.filterNotOffered }
    (kind, value) = given.first ?? (.none, "")
  }
}

/// What a caller sees, as the list statements take it.
private struct Sight {
  let kind: ClientListShape.Sight
  let ids: [UUID]

  /// Nil when nothing can be seen.
  init?(_ visibility: Visibility, _ filter: ClientFilter) {
    switch visibility {
    case .all:
      kind = .all
      ids = []
    case .branches(let branches):
      if filter.kind == .branch {
        // Within one of the caller's branches everything is seen.
        guard branches.contains(where: { $0.text == filter.value }) else { return nil }
        kind = .all
        ids = []
      } else {
        guard !branches.isEmpty else { return nil }
        kind = .branches
        ids = branches.sorted { $0.text < $1.text }
      }
    case .stakeholder(let employee):
      kind = .own
      ids = [employee]
    case .own, .nothing:
      return nil
    }
  }
}

extension UUID {
  /// Before every id that is ever made.
  static let first = UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
  /// After every id that is ever made.
  static let last = UUID(
    uuid: (255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255))
}
