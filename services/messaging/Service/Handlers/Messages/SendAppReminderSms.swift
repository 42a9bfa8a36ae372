import ClientDirectoryAPI
import Foundation
public import GRPC
import IdentityAPI
public import MessagingAPI
import OrganizationAPI
import ServiceKit

extension MessagingService {
  /// Reminds a client by SMS to download the mobile app (B26, B27).
  public func sendAppReminderSms(
    _ request: SendAppReminderSmsRequest, in call: CallContext
  ) async throws -> OutboundMessage {
    var errors = FieldErrors()
    let parsed = Parse.uuid(request.clientID, "client_id", &errors)
    try errors.throwIfAny()
    let wish = try Reminders.Wish(request, in: call)
    do {
      guard let parsed, let client = try await sight.client(parsed, in: call) else {
        throw MessagingError.clientNotFound
      }
      return try await remind(client, parsed, for: wish, in: call)
    } catch let refusal as MessagingError {
      // A repeat is answered alike whatever became of the client since.
      guard let first = try await reminders.first(wish) else { throw refusal }
      return first
    }
  }

  private func remind(
    _ client: Client, _ clientID: UUID, for wish: Reminders.Wish, in call: CallContext
  ) async throws -> OutboundMessage {
    let number = try client.reminderNumber()
    async let policy = organizations.getPolicy(
      GetPolicyRequest(organizationID: wish.organization.text), options: call.onward())
    if !client.accountID.isEmpty {
      let account = try await identity.getAccount(
        GetAccountRequest(accountID: client.accountID), options: call.onward())
      guard account.appSeenTime == nil else { throw MessagingError.appInstalled }
    }
    let name = try await policy.organizationName
    let language = reminderWriter.language(for: client.language)
    let row = MessageRow(
      sms: .appReminder, to: number, about: clientID, of: wish.organization, in: language,
      at: clock.now())
    return try await reminders.queue(
      row, reminderWriter.text(in: language, organization: name), from: name, for: wish)
  }
}
