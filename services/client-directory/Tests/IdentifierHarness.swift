import ClientDirectoryAPI
import CommonAPI
import FieldProtection
import Foundation
import GRPC
import OrganizationAPI
import ServiceKit

@testable import ClientDirectoryCore

/// Master keys, and a folder of secrets that is removed afterwards.
struct TestProtection: Sendable {
  let folder: String
  private let first = MasterKey(id: "field-1", secret: Array(repeating: 1, count: 32))
  let second = MasterKey(id: "field-2", secret: Array(repeating: 2, count: 32))

  init() throws {
    folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString).path
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
  }

  func remove() { try? FileManager.default.removeItem(atPath: folder) }

  /// The first master key, or the second before it.
  func files(rotated: Bool = false) throws -> FieldProtectionFiles {
    FieldProtectionFiles(
      masterKeys: rotated
        ? MasterKeys(current: second, former: [first]) : MasterKeys(current: first),
      secrets: try OrganizationSecrets(folder: folder))
  }

  /// Removes the secret of a caller's organisation.
  func destroySecret(of caller: Caller) throws {
    _ = try OrganizationSecrets(folder: folder).destroy(of: caller.organizationID ?? UUID())
  }
}

/// A valid Belgian number (domain 7), of 1985.
let sampleNumber = "85.07.30-033.28"
/// Another one.
let anotherNumber = "98.47.28-997.65"

/// Valid national numbers, another for each index from 0 to 899.
func number(_ index: Int) -> String {
  let nine = 850_730_001 + index
  let check = 97 - nine % 97
  return "\(nine)" + (check < 10 ? "0\(check)" : "\(check)")
}

extension SetIdentifierRequest {
  /// The national number of a client.
  static func sample(
    of client: Client, _ kind: IdentifierKind = .nationalNumber, _ number: String = sampleNumber
  ) -> SetIdentifierRequest {
    SetIdentifierRequest(
      requestID: UUID().text, organizationID: client.organizationID, clientID: client.clientID,
      kind: kind, number: number)
  }
}

extension DirectoryHarness {
  /// The caller's organisation has recorded its legal basis.
  func allowIdentifiers(to caller: Caller) throws {
    guard let id = caller.organizationID else { return }
    var policy = peers.policy(of: id)
    policy?.nationalNumbersAllowed = true
    if let policy { peers.set(policy) }
  }

  /// An organisation that may keep numbers, an employee of it and a client of theirs.
  func practice() async throws -> (employee: Caller, client: Client) {
    let employee = staff(.employee, of: organization())
    try allowIdentifiers(to: employee)
    return (employee, try await create(by: employee))
  }

  /// Writes a number.
  @discardableResult
  func set(
    _ number: String = sampleNumber, _ kind: IdentifierKind = .nationalNumber, of client: Client,
    etag: String = "", by caller: Caller
  ) async throws -> Identifier {
    var request = SetIdentifierRequest.sample(of: client, kind, number)
    request.etag = etag
    return try await api.setIdentifier(request, options: caller.options)
  }

  /// Reads a number in full.
  @discardableResult
  func reveal(
    _ client: Client, _ kind: IdentifierKind = .nationalNumber, by caller: Caller,
    because reason: String = "tax return"
  ) async throws -> String {
    try await api.revealIdentifier(
      RevealIdentifierRequest(
        organizationID: client.organizationID, clientID: client.clientID, kind: kind,
        reason: reason), options: caller.options
    ).number
  }

  /// The client who has a number.
  func find(
    _ number: String, _ kind: IdentifierKind = .nationalNumber, by caller: Caller
  ) async throws -> Client {
    try await api.findClientByIdentifier(
      FindClientByIdentifierRequest(
        organizationID: caller.organization, kind: kind, number: number), options: caller.options)
  }

  /// A client's numbers, masked.
  func identifiers(of client: Client, by caller: Caller) async throws -> [Identifier] {
    try await api.getIdentifiers(
      GetIdentifiersRequest(organizationID: client.organizationID, clientID: client.clientID),
      options: caller.options
    ).identifiers
  }
}
