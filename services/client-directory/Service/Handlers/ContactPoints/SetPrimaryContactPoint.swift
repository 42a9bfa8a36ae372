public import ClientDirectoryAPI
import Foundation
public import GRPC
import ServiceKit

extension ClientDirectoryService {
  /// Makes a contact point the primary one of its kind. An e-mail becomes the login of an account
  /// nobody has activated yet, after the same checks as at creation (B24, B29).
  public func setPrimaryContactPoint(
    _ request: SetPrimaryContactPointRequest, in call: CallContext
  ) async throws -> Client {
    var errors = FieldErrors()
    let client = Parse.uuid(request.clientID, "client_id", &errors)
    let pointID = Parse.uuid(request.contactPointID, "contact_point_id", &errors)
    if case .unrecognized = request.existingEmailResolution {
      errors.add("existing_email_resolution", "is not known")
    }
    try errors.throwIfAny()
    let intent = try Intent(
      request.requestID, organization: try call.organization(), in: call, for: request)

    let act = ClientAct(
      "client.set_primary_contact_point", ["contact_point_id": pointID?.text ?? ""])
    return try await changing(
      client ?? .first, as: act, for: intent, in: call, answer: { $0 }
    ) { row in
      guard var point = row.contactPoints.first(where: { $0.contactPointID == pointID }) else {
        throw ClientDirectoryError.contactPointNotFound
      }
      if point.rank == .primary { return nil }
      if point.kind == .email, let email = EmailAddress(point.value) {
        let claim = try await loginClaim(
          email, of: row, request.existingEmailResolution, .setPrimary, intent, call)
        return row.apply(claim, to: point, isNew: false)
      }
      row.demotePrimary(point.kind)
      point.rank = .primary
      row.put(point)
      return [.demote(point.kind), .promote(point)]
    }
  }
}
