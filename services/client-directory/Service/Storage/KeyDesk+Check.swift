import ClientDirectoryAPI
import FieldProtection
import Foundation
import GRPC
import Postgres
import ServiceKit

extension KeyDesk {
  /// What a walk over all numbers found.
  public struct Check: Sendable, Hashable {
    /// How many were opened and are as they should be.
    public var whole = 0
    /// How many belong to organisations whose keys were destroyed.
    public var destroyed = 0
    /// What is wrong, one line for a number, without the number; the first hundred.
    public var problems: [String] = []
    /// How many are wrong.
    public var broken = 0
  }

  /// How many numbers are read at a time.
  private static let page: Int64 = 1_000

  /// Opens every number and compares it with its index and with what is shown of it.
  /// - Parameter progress: called now and then with how many were looked at.
  public func check(progress: (Int) -> Void = { _ in }) async throws -> Check {
    var check = Check()
    var last = (organization: UUID.first, client: UUID.first, kind: Int16(0))
    var owner: UUID?
    var keys: Result<OrganizationKeys?, any Error> = .success(nil)
    let keyring = FieldKeyring(files: files, table: DataKeys(database: database))
    while true {
      let rows = try await database.run(
        .none, Self.walk(last.organization, last.client, last.kind, Self.page))
      guard let end = rows.last else { return check }
      for row in rows {
        if owner != row.organizationID {
          owner = row.organizationID
          keys = await Self.opened(keyring, row.organizationID)
        }
        switch keys {
        case .success(.some(let keys)): check.note(row, keys)
        case .success(.none): check.destroyed += 1
        case .failure(let error): check.fail(row, "\(error)")
        }
      }
      last = (end.organizationID, end.clientID, Int16(end.kind.rawValue))
      progress(check.whole + check.destroyed + check.broken)
    }
  }

  /// Nil when they were destroyed.
  private static func opened(
    _ keyring: FieldKeyring, _ organization: UUID
  ) async -> Result<OrganizationKeys?, any Error> {
    do {
      return .success(
        try await keyring.keys(of: organization, deadline: .after(.seconds(30)), makes: false))
    } catch ClientDirectoryError.identifierKeysDestroyed {
      return .success(nil)
    } catch let refusal as ClientDirectoryError {
      return .failure(refusal.rpcError)
    } catch {
      return .failure(error)
    }
  }
}

extension KeyDesk.Check {
  fileprivate mutating func note(_ row: WalkedIdentifier, _ keys: OrganizationKeys) {
    do {
      let digits = try keys.open(row.ciphertext, in: row.kind.field, row: row.clientID)
      let number = RegisterNumber(String(decoding: digits, as: UTF8.self), row.kind, year: .max)
      guard let number, number.masked == row.masked,
        row.index.isRight(for: number, row.kind.field, keys)
      else { return fail(row, "does not fit its index, or what is shown of it") }
      whole += 1
    } catch {
      fail(row, "\(error)")
    }
  }

  fileprivate mutating func fail(_ row: WalkedIdentifier, _ why: String) {
    broken += 1
    guard problems.count < 100 else { return }
    problems.append(
      "\(row.kind.protoName ?? "") of client \(row.clientID.text), organisation "
        + "\(row.organizationID.text): \(why)")
  }
}

extension BlindIndex {
  /// Whether it is a number's, as far as a rotation of the key may have come.
  fileprivate func isRight(
    for number: RegisterNumber, _ field: ProtectedField, _ keys: OrganizationKeys
  ) -> Bool {
    let expected = keys.blindIndex(number.digits, of: field)
    let isFormer =
      keys.nextIndexVersion == keys.indexVersion
      && keys.otherIndexes(number.digits, of: field).contains(bytes)
    return (bytes == expected.bytes || isFormer)
      && (next == nil || next == expected.next ?? expected.bytes)
  }
}

/// A number as a walk over all of them reads it.
struct WalkedIdentifier: PostgresRow {
  let organizationID: UUID
  let clientID: UUID
  let kind: IdentifierKind
  let ciphertext: [UInt8]
  let masked: String
  let index: BlindIndex

  init(from columns: inout ColumnReader) throws(PostgresError) {
    organizationID = try columns.next()
    clientID = try columns.next()
    kind = IdentifierKind(rawValue: Int32(try columns.next(Int16.self)))
    ciphertext = try columns.next([UInt8].self)
    let bytes = try columns.next([UInt8].self)
    masked = try columns.next()
    index = BlindIndex(bytes: bytes, next: try columns.next())
  }
}
