import Foundation
import Postgres

/// What is done to a file, as the audit log names it.
struct ClientAct: Sendable {
  /// Such as `client.update`.
  let action: String
  /// Names of fields and ids, told from the file as it becomes; no personal data.
  let detail: @Sendable (ClientRow) -> [String: String]

  init(_ action: String, _ detail: [String: String] = [:]) {
    self.init(action) { _ in detail }
  }

  init(_ action: String, detail: @escaping @Sendable (ClientRow) -> [String: String]) {
    self.action = action
    self.detail = detail
  }

  /// The row of the audit log.
  func record(_ row: ClientRow, for intent: Intent) -> AnyQuery {
    intent.audit(action, on: "client", row.clientID, detail(row))
  }
}
