import ArgumentParser
import ClientDirectoryAPI
import CommonAPI
import Foundation
import GRPC
import MessagingAPI
import OrganizationAPI
import ServiceKit

/// Makes one call, given the number of the worker and of the call. What it reads is received and not
/// looked at, hence `Empty`: pgbench, which it is measured against, looks at no rows either.
typealias Call = @Sendable (_ worker: Int, _ index: Int) async throws -> Void

extension ServiceBench {
  /// Pages that a list's calls go through in turn.
  private static let pages = 8

  /// What is called again and again.
  func calls(_ channels: [ClientChannel], _ access: Access) async throws -> Call {
    switch work {
    case .get: try await gets(channels, access)
    case .create, .createWithEmail: creates(channels, access)
    case .list: try await lists(channels, access)
    case .employees: try await employees(channels, access)
    case .messages: try await messages(channels, access)
    }
  }

  /// The first clients of the list.
  func ids(_ channel: ClientChannel, _ access: Access) async throws -> [String] {
    try await ClientDirectoryServiceClient(channel).listClients(
      ListClientsRequest(organizationID: access.organizationID, pageSize: Int32(clamping: records)),
      options: access.options
    ).clients.map(\.clientID)
  }

  private func gets(_ channels: [ClientChannel], _ access: Access) async throws -> Call {
    let ids = try await ids(channels[0], access)
    guard !ids.isEmpty else { throw ValidationError("there are no clients") }
    return { worker, index in
      let _: Empty = try await channels[worker % channels.count].unary(
        ClientDirectoryServiceMethods.getClient,
        GetClientRequest(
          organizationID: access.organizationID, clientID: ids[index % ids.count]),
        options: access.options)
    }
  }

  private func creates(_ channels: [ClientChannel], _ access: Access) -> Call {
    let hasEmail = work == .createWithEmail
    return { worker, index in
      let id = UUIDv7.make().text
      let email = hasEmail ? "\(id)@bench.example" : ""
      let _: Empty = try await channels[worker % channels.count].unary(
        ClientDirectoryServiceMethods.createClient,
        CreateClientRequest(
          requestID: id, organizationID: access.organizationID, email: email,
          noEmailConfirmed: !hasEmail, givenName: "Bench", familyName: "Client \(index)",
          language: "fr"),
        options: access.options)
    }
  }

  private func lists(_ channels: [ClientChannel], _ access: Access) async throws -> Call {
    let first = ClientDirectoryServiceClient(channels[0])
    var request = ListClientsRequest(
      organizationID: access.organizationID, orderBy: newest ? .createTimeDesc : .name)
    try Self.apply(filter, to: &request)
    let requests = try await Self.pages(from: request) { request in
      let page = try await first.listClients(request, options: access.options)
      var next = request
      next.pageToken = page.nextPageToken
      return (next, !page.clients.isEmpty, page.nextPageToken.isEmpty)
    }
    return { worker, index in
      let _: Empty = try await channels[worker % channels.count].unary(
        ClientDirectoryServiceMethods.listClients, requests[index % requests.count],
        options: access.options)
    }
  }

  private static func apply(_ filter: String, to request: inout ListClientsRequest) throws {
    guard !filter.isEmpty else { return }
    let parts = filter.split(separator: "=", maxSplits: 1).map(String.init)
    guard parts.count == 2 else { throw ValidationError("--filter is name=value") }
    switch parts[0] {
    case "state": request.accessState = AccessState(rawValue: Int32(parts[1]) ?? 0)
    case "branch": request.branchID = parts[1]
    case "case-manager": request.caseManagerID = parts[1]
    case "stakeholder": request.stakeholderID = parts[1]
    case "label": request.label = parts[1]
    default: throw ValidationError("there is no filter \(parts[0])")
    }
  }

  private func employees(_ channels: [ClientChannel], _ access: Access) async throws -> Call {
    let first = OrganizationServiceClient(channels[0])
    let requests = try await Self.pages(
      from: ListEmployeesRequest(organizationID: access.organizationID)
    ) { request in
      let page = try await first.listEmployees(request, options: access.options)
      var next = request
      next.pageToken = page.nextPageToken
      return (next, !page.employees.isEmpty, page.nextPageToken.isEmpty)
    }
    return { worker, index in
      let _: Empty = try await channels[worker % channels.count].unary(
        OrganizationServiceMethods.listEmployees, requests[index % requests.count],
        options: access.options)
    }
  }

  private func messages(_ channels: [ClientChannel], _ access: Access) async throws -> Call {
    let first = MessagingServiceClient(channels[0])
    let record = filter.hasPrefix("client=") ? String(filter.dropFirst(7)) : ""
    let requests = try await Self.pages(
      from: ListMessagesRequest(organizationID: access.organizationID, recordID: record)
    ) { request in
      let page = try await first.listMessages(request, options: access.options)
      var next = request
      next.pageToken = page.nextPageToken
      return (next, !page.messages.isEmpty, page.nextPageToken.isEmpty)
    }
    return { worker, index in
      let _: Empty = try await channels[worker % channels.count].unary(
        MessagingServiceMethods.listMessages, requests[index % requests.count],
        options: access.options)
    }
  }

  /// The requests of the first pages. An empty list is nothing to measure.
  private static func pages<Request>(
    from first: Request, _ read: (Request) async throws -> (Request, hasRows: Bool, isLast: Bool)
  ) async throws -> [Request] {
    var requests = [first]
    while requests.count <= pages, let request = requests.last {
      let (next, hasRows, isLast) = try await read(request)
      guard hasRows else { throw ValidationError("there is nothing to list") }
      if isLast || requests.count == pages { break }
      requests.append(next)
    }
    return requests
  }
}
