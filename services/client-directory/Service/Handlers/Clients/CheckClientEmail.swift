public import ClientDirectoryAPI
import Foundation
public import GRPC
import IdentityAPI
import OrganizationAPI
import ServiceKit

extension ClientDirectoryService {
  /// Valid? In this organisation already? On the platform already? (B3, B36) Every question is on
  /// record before it is answered.
  public func checkClientEmail(
    _ request: CheckClientEmailRequest, in call: CallContext
  ) async throws -> CheckClientEmailResponse {
    let answer = try await disposition(of: request, in: call)
    try await storage.clients.recordProbe(answer.disposition, in: call)
    return answer
  }

  private func disposition(
    of request: CheckClientEmailRequest, in call: CallContext
  ) async throws -> CheckClientEmailResponse {
    let caller = try call.caller()
    guard let email = EmailAddress(request.email) else {
      return CheckClientEmailResponse(disposition: .invalid)
    }
    let holder = try await storage.clients.holder(
      of: email, in: try call.organization(), deadline: call.deadline)
    if let holder {
      let visible = Visibility(caller).sees(
        clientID: holder.clientID, branchID: holder.branchID,
        stakeholderIDs: holder.stakeholderIDs)
      return CheckClientEmailResponse(
        disposition: .inThisOrg, clientID: visible ? holder.clientID.text : "",
        resolutions: [.usernameOnly])
    }
    let policy = try await organization.policy(in: call)
    // Asked under blind disclosure as well, so that quota and time are the same.
    let disposition = try await identity.disposition(of: email, in: call)
    switch disposition {
    case _ where policy.disclosesNothing: return CheckClientEmailResponse(disposition: .available)
    case .onPlatform:
      return CheckClientEmailResponse(disposition: .onPlatform, resolutions: [.usernameOnly])
    case .professional:
      return CheckClientEmailResponse(disposition: .professional, resolutions: [.usernameOnly])
    case .invalid: return CheckClientEmailResponse(disposition: .invalid)
    default: return CheckClientEmailResponse(disposition: .available)
    }
  }
}
