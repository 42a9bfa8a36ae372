public import ClientDirectoryAPI
import Foundation
public import GRPC
import ServiceKit

extension ClientDirectoryService {
  /// Adds an e-mail address or a phone number (B13, B23, B28, B44). A primary e-mail passes the
  /// same checks as at creation (B29); nothing is sent until the professional resends (B25).
  public func addContactPoint(
    _ request: AddContactPointRequest, in call: CallContext
  ) async throws -> Client {
    var errors = FieldErrors()
    let client = Parse.uuid(request.clientID, "client_id", &errors)
    let draft = try ContactPointDraft(request, &errors)
    let intent = try Intent(
      request.requestID, organization: try call.organization(), in: call, for: request)
    let point = ContactPointRow(
      contactPointID: UUIDv7.make(at: clock.now()), kind: draft.kind, rank: draft.rank,
      phoneType: draft.phoneType, value: draft.value)

    let act = ClientAct("client.add_contact_point") { row in
      let told = row.contactPoints.first { $0.isSame(as: point) }
      return ["contact_point_id": told?.contactPointID.text ?? ""]
    }
    return try await changing(
      client ?? .first, as: act, for: intent, in: call, answer: { $0 }
    ) { row in
      if let known = row.contactPoints.first(where: { $0.isSame(as: point) }) {
        return try row.retype(known, as: point)
      }
      guard row.contactPoints.count < ClientRow.contactPointsMax else {
        throw ClientDirectoryError.contactPointsFull
      }
      if let email = draft.email, point.rank == .primary {
        let claim = try await loginClaim(
          email, of: row, request.existingEmailResolution, .add, intent, call)
        return row.apply(claim, to: point, isNew: true)
      }
      var effects: [ClientEffect] = []
      if point.rank == .primary {
        row.demotePrimary(point.kind)
        effects.append(.demote(point.kind))
      }
      row.put(point)
      return effects + [.insert(point)]
    }
  }

  /// Claims an address as the login of a client whose account nobody has activated (B24). Throws
  /// FAILED_PRECONDITION/LOGIN_EMAIL_OWNED_BY_HOLDER once somebody has (B47).
  func loginClaim(
    _ email: EmailAddress, of row: ClientRow, _ resolution: ExistingEmailResolution,
    _ way: EmailWay, _ intent: Intent, _ call: CallContext
  ) async throws -> EmailClaim {
    guard row.accessState != .active else { throw ClientDirectoryError.loginEmailOwnedByHolder }
    let policy = try await organization.policy(in: call)
    let claimant = EmailClaimant(
      person: (row.givenName, row.familyName, row.language),
      account: row.accountID.map { .init(id: $0, username: row.username) },
      clientID: row.clientID, resolution: resolution, way: way)
    return try await claim(email, for: claimant, under: policy, intent, call)
  }
}

extension ClientRow {
  /// A number that is there takes the type that is said now, or else it could never have SMS; all
  /// else that is there already is refused with CONTACT_POINT_EXISTS.
  fileprivate mutating func retype(
    _ known: ContactPointRow, as point: ContactPointRow
  ) throws -> [ClientEffect] {
    guard ![.unspecified, known.phoneType].contains(point.phoneType) else {
      throw ClientDirectoryError.contactPointExists
    }
    var known = known
    known.phoneType = point.phoneType
    guard point.rank == .primary, known.rank != .primary else {
      put(known)
      return [.retype(known)]
    }
    demotePrimary(known.kind)
    known.rank = .primary
    put(known)
    return [.retype(known), .demote(known.kind), .promote(known)]
  }
}

/// A contact point about to be added: parsed and valid input.
private struct ContactPointDraft {
  let kind: ContactKind
  let rank: ContactRank
  let phoneType: PhoneType
  let value: String
  /// The address, when it is one.
  let email: EmailAddress?

  /// Throws INVALID_ARGUMENT: every bad field, else EMAIL_INVALID or PHONE_INVALID.
  init(_ request: AddContactPointRequest, _ errors: inout FieldErrors) throws {
    switch request.rank {
    case .unspecified, .secondary: rank = .secondary
    case .primary: rank = .primary
    case .unrecognized:
      errors.add("rank", "is not known")
      rank = .secondary
    }
    if case .unrecognized = request.phoneType { errors.add("phone_type", "is not known") }
    if case .unrecognized = request.existingEmailResolution {
      errors.add("existing_email_resolution", "is not known")
    }
    kind = request.kind
    switch request.kind {
    case .email:
      if request.phoneType != .unspecified { errors.add("phone_type", "is for phones") }
      try errors.throwIfAny()
      let address = try Fields.email(request.value, "value", .add)
      email = address
      value = address.raw
      phoneType = .unspecified
    case .phone:
      try errors.throwIfAny()
      guard let number = PhoneNumber(request.value) else {
        throw ClientDirectoryError.phoneInvalid
      }
      email = nil
      value = number.e164
      phoneType = request.phoneType
    case .unspecified, .unrecognized:
      errors.add("kind", "is required")
      try errors.throwIfAny()
      throw ClientDirectoryError.contactPointNotFound
    }
  }
}
