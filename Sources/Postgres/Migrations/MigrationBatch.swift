/// The statement of a file in batches, with the number of rows left open.
struct MigrationBatch: Sendable, Hashable {
  private let before: String
  private let after: String
  /// The number after the file's LIMIT.
  let rowsMax: Int

  /// - Returns: nil when the text has no `LIMIT` with a number, or several.
  init?(_ sql: String) {
    let found = sql.matches(of: /(?i)\blimit\s+([0-9]+)/)
    guard found.count == 1, let number = found.first?.output.1, let rows = Int(number) else {
      return nil
    }
    before = String(sql[..<number.startIndex])
    after = String(sql[number.endIndex...])
    rowsMax = rows
  }

  func sql(rows: Int) -> String { before + String(rows) + after }
}

/// How many rows a migration in batches changes at a time: whoever wants one of a batch's rows waits
/// until the batch is through, so it must be short, however many rows that is on this machine.
struct BatchSize: Sendable, Hashable {
  /// How long a batch should take: a quarter of what a call may wait, since some take several times
  /// as long as those before, as a busy machine has it.
  static let aim = Duration.milliseconds(25)
  /// Finding what is left takes longer the more was done, since an index keeps what is dead until it is
  /// vacuumed. Nobody waits for that; it must not make batches so small that they never end.
  static let rowsMin = 100

  /// Of the next batch.
  private(set) var rows: Int
  private let rowsMax: Int

  /// - Parameter rowsMax: more than that are never changed at once.
  init(rowsMax: Int) {
    self.rowsMax = rowsMax
    rows = min(Self.rowsMin, rowsMax)
  }

  /// Learns from a batch. It shrinks at once and grows twofold at most.
  /// - Parameters:
  ///   - changed: how many rows it had.
  ///   - took: how long it took, its commit included.
  mutating func adapt(changed: Int, took: Duration) {
    // A batch that found few rows says little of one with many.
    guard changed >= rows / 2 else { return }
    let fitting = Double(changed) * (Self.aim / max(took, .microseconds(1)))
    let grown = min(Double(rows) * 2, fitting, Double(rowsMax))
    rows = max(Int(grown), min(Self.rowsMin, rowsMax))
  }
}
