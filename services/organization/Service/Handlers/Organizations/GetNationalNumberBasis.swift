public import GRPC
public import OrganizationAPI
import ServiceKit

extension OrganizationService {
  /// Why the organisation may keep national register numbers.
  public func getNationalNumberBasis(
    _ request: GetNationalNumberBasisRequest, in call: CallContext
  ) async throws -> NationalNumberBasis {
    let organization = try call.organization()
    let row = try await storage.nationalNumberBases.find(
      of: organization, deadline: call.deadline)
    return NationalNumberBasis(row, of: organization)
  }
}
