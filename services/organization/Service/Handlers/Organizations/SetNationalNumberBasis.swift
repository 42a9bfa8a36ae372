import CommonAPI
import Foundation
public import GRPC
public import OrganizationAPI
import ServiceKit

extension OrganizationService {
  /// Records why the organisation may keep national register numbers, or takes that back.
  public func setNationalNumberBasis(
    _ request: SetNationalNumberBasisRequest, in call: CallContext
  ) async throws -> NationalNumberBasis {
    let organization = try call.organization()
    var errors = FieldErrors()
    let basis = Parse.text(request.basis, "basis", 0...1_000, &errors) ?? ""
    try errors.throwIfAny()
    let intent = try Intent(request.requestID, organization: organization, in: call, for: request)
    let row = NationalNumberBasisRow(
      basis: basis, recordedBy: try call.caller().accountID, at: clock.now())
    return try await storage.nationalNumberBases.set(basis.isEmpty ? nil : row, for: intent)
  }
}

extension NationalNumberBasis {
  /// As stored; empty when nothing is.
  init(_ row: NationalNumberBasisRow?, of organization: UUID) {
    self.init(
      organizationID: organization.text, basis: row?.basis ?? "",
      recordedBy: row?.recordedBy.text ?? "", recordTime: row?.recordedAt.wire)
  }
}
