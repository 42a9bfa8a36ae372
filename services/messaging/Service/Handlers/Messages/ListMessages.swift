import Foundation
public import GRPC
public import MessagingAPI
import ServiceKit

extension MessagingService {
  /// The organisation's messages, or those about one client, the newest first.
  public func listMessages(
    _ request: ListMessagesRequest, in call: CallContext
  ) async throws -> ListMessagesResponse {
    let organization = try call.organization()
    var errors = FieldErrors()
    let size = Parse.pageSize(request.pageSize, &errors)
    let record = Parse.optionalUUID(request.recordID, "record_id", &errors)
    try errors.throwIfAny()
    let filters = [organization.text, record?.text ?? ""]
    let before = try Self.position(request.pageToken, filters: filters)
    try await allowReading(record, in: call)

    let rows = try await messages.page(
      of: organization, before: before, record: record, limit: size + 1,
      deadline: call.deadline)

    let page = rows.prefix(size)
    let next = rows.count > size ? page.last.map { PageToken(keys: [$0.messageID.text]) } : nil
    return ListMessagesResponse(
      messages: page.map { .init($0) }, nextPageToken: next?.text(filters: filters) ?? "")
  }

  /// Where the page begins; nil for the first one.
  private static func position(_ token: String, filters: [String]) throws -> UUID? {
    if token.isEmpty { return nil }
    guard let key = PageToken(token, filters: filters, keyCount: 1)?.keys.first,
      let position = UUID(uuidString: key)
    else { throw MessagingError.pageTokenInvalid }
    return position
  }

  /// Everything for those with "messages.read", else one client whose file the caller may see.
  private func allowReading(_ record: UUID?, in call: CallContext) async throws {
    if try call.caller().may("messages.read") { return }
    guard let record else { throw MessagingError.recordRequired }
    guard try await sight.covers(record, in: call) else { throw MessagingError.clientNotFound }
  }
}
