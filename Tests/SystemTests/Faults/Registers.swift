import ClientDirectoryAPI
import CommonAPI
import Foundation
import GRPC
import Synchronization
import TestKit

/// Rows that several callers read and write at once, and what each of them saw (R6). A list is a
/// client's company name, to which marks are appended under the etag that was read. A token is the
/// rank PRIMARY, which goes from one of a client's phones to another.
extension Workload {
  /// A list that has become so long is left alone.
  static let listBytesMax = 180
  /// A client's phones.
  static let phones = ["+32470000001", "+32470000002", "+32470000003"]

  /// Reads and writes that were made so far.
  var transactions: Int { lists.count + tokens.count }

  /// Appends, moves, and looks, by turns.
  func register(_ tenant: Tenant, _ number: Int) async throws {
    switch number % 4 {
    case 0, 1: try await append(tenant, "\(number)")
    case 2: try await move(tenant, to: Self.phones[number / 4 % Self.phones.count])
    default:
      if let id = tenant.lists.withLock({ $0.randomElement() }) {
        _ = await look(at: id, of: tenant)
      }
      if let id = tenant.tokens.withLock({ $0.randomElement() }) {
        _ = await look(at: id, of: tenant)
      }
    }
  }

  // MARK: Lists

  /// Reads a list, and writes it back with one mark more under the etag that was read.
  func append(_ tenant: Tenant, _ mark: String) async throws {
    guard let id = try await list(of: tenant), let seen = await look(at: id, of: tenant) else {
      return
    }
    let organization = tenant.administrator.organization
    let marks = seen.marks
    if seen.companyName.utf8.count > Self.listBytesMax {
      tenant.lists.withLock { $0.removeAll { $0 == id } }
      return
    }
    let key = UUID()
    let start = ContinuousClock.now
    let outcome = try await ask(
      "UpdateClient", organization, effect: "mark \(mark) \(id)", key: key
    ) {
      var changed = Client()
      changed.companyName = (marks + [mark]).joined(separator: ",")
      return try await wires.directory.updateClient(
        UpdateClientRequest(
          requestID: key.uuidString, organizationID: organization, clientID: id, client: changed,
          updateMask: FieldMask(paths: ["company_name"]), etag: seen.etag),
        options: try await tenant.administrator.options(timeout: Self.deadline)
      ).etag
    }
    lists.note(
      ListLog.Append(list: id, mark: mark, start: start, end: .now, outcome: outcome))
  }

  /// One of the organisation's lists; there are at most two at a time.
  private func list(of tenant: Tenant) async throws -> String? {
    if let id = tenant.lists.withLock({ $0.count < 2 ? nil : $0.randomElement() }) { return id }
    guard let id = try await createClient(tenant, "Op\(nextNumber)", email: nil) else { return nil }
    tenant.lists.withLock { $0.append(id) }
    return id
  }

  // MARK: Tokens

  /// Makes another phone of a client the first one.
  private func move(_ tenant: Tenant, to phone: String) async throws {
    guard let id = try await token(of: tenant), let seen = await look(at: id, of: tenant),
      let point = seen.contactPoints.first(where: { $0.value == phone })
    else { return }
    let key = UUID()
    let organization = tenant.administrator.organization
    let start = ContinuousClock.now
    let outcome = try await ask(
      "SetPrimaryContactPoint", organization, effect: "move \(key.uuidString.lowercased())",
      key: key
    ) {
      try await wires.directory.setPrimaryContactPoint(
        SetPrimaryContactPointRequest(
          requestID: key.uuidString, organizationID: organization, clientID: id,
          contactPointID: point.contactPointID),
        options: try await tenant.administrator.options(timeout: Self.deadline)
      ).etag
    }
    tokens.note(
      TokenLog.Move(token: id, place: phone, start: start, end: .now, outcome: outcome))
  }

  /// One of the organisation's clients with several phones; there are at most two.
  private func token(of tenant: Tenant) async throws -> String? {
    if let id = tenant.tokens.withLock({ $0.count < 2 ? nil : $0.randomElement() }) { return id }
    let number = nextNumber
    let start = ContinuousClock.now
    guard let id = try await createClient(tenant, "Op\(number)", email: nil) else { return nil }
    let organization = tenant.administrator.organization
    for (index, phone) in Self.phones.enumerated() {
      let key = UUID()
      let outcome = try await ask(
        "AddContactPoint", organization, effect: "contact \(phone) \(id)", key: key
      ) {
        try await wires.directory.addContactPoint(
          AddContactPointRequest(
            requestID: key.uuidString, organizationID: organization, clientID: id,
            kind: .phone, rank: index == 0 ? .primary : .secondary, value: phone),
          options: try await tenant.administrator.options(timeout: Self.deadline)
        ).clientID
      }
      guard outcome.isAnswer else { return nil }
    }
    tokens.note(
      TokenLog.Move(
        token: id, place: Self.phones[0], start: start, end: .now, outcome: .ok("")))
    tenant.tokens.withLock { $0.append(id) }
    return id
  }

  // MARK: Looks

  /// Reads a client, and notes what there is to see.
  private func look(at id: String, of tenant: Tenant) async -> Client? {
    let start = ContinuousClock.now
    guard
      let seen = try? await wires.directory.getClient(
        GetClientRequest(
          organizationID: tenant.administrator.organization, clientID: id),
        options: try await tenant.administrator.options(timeout: Self.deadline))
    else { return nil }
    let phones = seen.contactPoints.filter { $0.kind == .phone }
    if phones.isEmpty {
      lists.note(ListLog.Read(list: id, marks: seen.marks, start: start, end: .now))
    } else {
      let holders = phones.filter { $0.rank == .primary }.map(\.value)
      tokens.note(TokenLog.Read(token: id, holders: holders, start: start, end: .now))
    }
    return seen
  }
}

extension Client {
  /// The marks of a list.
  fileprivate var marks: [String] { companyName.split(separator: ",").map(String.init) }
}
