public import GRPC
public import IdentityAPI
import ServiceKit

extension IdentityService {
  /// What an address or a username would mean for a new client (B10, B11, B36). Every question is
  /// on record, and taken addresses are told so many times an hour only (rulings 21).
  public func checkIdentifier(
    _ request: CheckIdentifierRequest, in call: CallContext
  ) async throws -> CheckIdentifierResponse {
    let caller = try call.caller()
    let organization = try call.organization()
    let name = SignInName(request.identifier)
    let disposition = try await storage.probes.probe(
      name, fingerprint: links.fingerprint(name?.normalized ?? request.identifier),
      by: caller.accountID, in: organization, limits: limits, at: clock.now(), call: call)
    return CheckIdentifierResponse(
      disposition: disposition.onTheWire, normalized: name?.normalized ?? "")
  }
}
