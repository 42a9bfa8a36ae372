import CommonAPI
import Postgres

/// The order of a feed: by the transaction that wrote an event, then by the event's number. Ids are
/// taken before commits, so numbers alone would let a follower step over an event whose transaction
/// commits late.
extension FeedPosition {
  /// Before the first event.
  static let start = FeedPosition(transactionID: 0, eventID: 0)

  func isBefore(_ other: FeedPosition) -> Bool {
    (transactionID, eventID) < (other.transactionID, other.eventID)
  }

  /// Reads a transaction id and the event's number.
  init(from columns: inout ColumnReader) throws(PostgresError) {
    let transaction = try columns.next(TransactionID.self)
    let event = try columns.next(Int64.self)
    self.init(transactionID: transaction.rawValue, eventID: UInt64(clamping: event))
  }

  /// Reads the same, where both may be null.
  init?(ifAny columns: inout ColumnReader) throws(PostgresError) {
    let transaction = try columns.next(TransactionID?.self)
    let event = try columns.next(Int64?.self)
    guard let transaction, let event else { return nil }
    self.init(transactionID: transaction.rawValue, eventID: UInt64(clamping: event))
  }

  /// The position as people write it, such as `7012/58`.
  var text: String { "\(transactionID)/\(eventID)" }

  /// Reads what `text` writes.
  init?(_ text: some StringProtocol) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let transaction = UInt64(parts[0]), let event = UInt64(parts[1]) else {
      return nil
    }
    self.init(transactionID: transaction, eventID: event)
  }

  var transaction: TransactionID { TransactionID(transactionID) }

  /// Numbers come from a bigint; a larger one from outside is as far as there is.
  var event: Int64 { Int64(clamping: eventID) }
}
