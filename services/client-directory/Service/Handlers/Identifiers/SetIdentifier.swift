public import ClientDirectoryAPI
import FieldProtection
import Foundation
public import GRPC
import ServiceKit

extension ClientDirectoryService {
  /// Writes a client's register number, encrypted (B67). Whoever may not see the file learns
  /// nothing of whether the organisation keeps such numbers.
  public func setIdentifier(
    _ request: SetIdentifierRequest, in call: CallContext
  ) async throws -> Identifier {
    let client = try identifiedFile(request.clientID, request.kind)
    let file = try await file(client, in: call)
    try await organization.demandNationalNumberBasis(in: call)
    let keys = try await fieldKeys.keys(of: file.organizationID, deadline: call.deadline)
    let number = try registerNumber(request.number, request.kind)
    // What tells a repeat from another request is stored: it must not tell the number.
    func standIn(_ fingerprint: String) -> SetIdentifierRequest {
      var copy = request
      copy.number = fingerprint
      return copy
    }
    let fingerprints = keys.fingerprints(of: number)
    let intent = try Intent(
      request.requestID, organization: file.organizationID, in: call,
      for: standIn(fingerprints.own), or: fingerprints.others.map(standIn))
    let sealed = try SealedNumber(number, for: client, with: keys)
    return try await storage.clients.once(intent) {
      try await insisting(etag: request.etag) {
        let rows = try await storage.identifiers.all(
          of: client, in: file.organizationID, deadline: call.deadline)
        let former = rows.first { $0.kind == request.kind }
        try Self.check(request.etag, against: former)
        try Self.demandAnother(number, than: rows, keys)
        return try await storage.identifiers.put(
          IdentifierRow(sealed, of: client, after: former, at: clock.now()), for: intent)
      }
    }
  }

  /// Nobody is their own partner (B71).
  private static func demandAnother(
    _ number: RegisterNumber, than rows: [IdentifierRow], _ keys: OrganizationKeys
  ) throws {
    let other: IdentifierKind
    switch number.kind {
    case .nationalNumber: other = .partnerNationalNumber
    case .partnerNationalNumber: other = .nationalNumber
    default: return
    }
    let index = keys.blindIndex(number.digits, of: other.field)
    if rows.contains(where: { $0.kind == other && $0.index.matches(index) }) {
      throw ClientDirectoryError.identifierInvalid
    }
  }
}

extension ClientDirectoryService {
  /// The client and the kind that a request names. Throws INVALID_ARGUMENT/FIELDS_INVALID.
  func identifiedFile(_ clientID: String, _ kind: IdentifierKind) throws -> UUID {
    var errors = FieldErrors()
    let client = Parse.uuid(clientID, "client_id", &errors)
    errors.demandKnown(kind)
    try errors.throwIfAny()
    guard let client else { throw ClientDirectoryError.clientNotFound }
    return client
  }

  /// A number that is typed. Throws INVALID_ARGUMENT/IDENTIFIER_INVALID.
  func registerNumber(_ text: String, _ kind: IdentifierKind) throws -> RegisterNumber {
    let year = Calendar.gregorian.component(.year, from: clock.now())
    guard let number = RegisterNumber(text, kind, year: year) else {
      throw ClientDirectoryError.identifierInvalid
    }
    return number
  }

  /// Throws ABORTED/STALE_ETAG when somebody changed the number since the etag was seen.
  static func check(_ etag: String, against row: IdentifierRow?) throws {
    guard etag.isEmpty || etag == row.map({ "\($0.version)" }) else {
      throw ClientDirectoryError.staleETag
    }
  }

  /// Tries again when somebody was faster, unless the caller named an etag.
  func insisting<Answer>(
    etag: String, _ body: () async throws -> Answer
  ) async throws -> Answer {
    for _ in 1..<Self.attemptsMax where etag.isEmpty {
      do {
        return try await body()
      } catch ClientDirectoryError.staleETag {
        continue
      }
    }
    return try await body()
  }
}

extension FieldErrors {
  /// A kind of register number must be said.
  mutating func demandKnown(_ kind: IdentifierKind) {
    switch kind {
    case .unspecified: add("kind", "is required")
    case .unrecognized: add("kind", "is not known")
    default: break
    }
  }
}

extension Calendar {
  /// Years as the registers count them, by UTC.
  fileprivate static let gregorian: Calendar = {
    var calendar = Calendar(identifier: .gregorian)
    calendar.timeZone = .gmt
    return calendar
  }()
}
