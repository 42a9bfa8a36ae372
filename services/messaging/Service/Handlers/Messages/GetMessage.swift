import Foundation
public import GRPC
public import MessagingAPI
import ServiceKit

extension MessagingService {
  /// One message, if the caller may see what it is about.
  public func getMessage(
    _ request: GetMessageRequest, in call: CallContext
  ) async throws -> OutboundMessage {
    let organization = try call.organization()
    var errors = FieldErrors()
    let parsed = Parse.uuid(request.messageID, "message_id", &errors)
    try errors.throwIfAny()
    guard let messageID = parsed,
      let row = try await messages.find(
        messageID, of: organization, deadline: call.deadline)
    else { throw MessagingError.messageNotFound }
    if try !call.caller().may("messages.read") {
      guard try await sight.covers(row.recordID, in: call) else {
        throw MessagingError.messageNotFound
      }
    }
    return .init(row)
  }
}
