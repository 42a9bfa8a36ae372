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
///
/// Finding what is left takes longer the more was done, since an index keeps what is dead until it is
/// vacuumed. Nobody waits for that, and counting it makes batches so small that they never end; so now
/// and then a batch has one row, which tells how long finding takes.
struct BatchSize: Sendable, Hashable {
  /// How long a batch should keep its rows: a quarter of what a call may wait, since some take several
  /// times as long as those before, as a busy machine has it.
  static let aim = Duration.milliseconds(25)
  /// A hundred were too many: with their pages to be read first they took up to 0.3 s.
  static let rowsMin = 20
  /// One batch of so many has one row.
  static let probeEvery = 16
  /// A batch that keeps its rows longer is given up, and a smaller one tried.
  static let keepsMax = Duration.milliseconds(60)

  private let rowsMax: Int
  private var size: Int
  private var batches = 0
  private var lastProbe: Duration?
  private var finding = Duration.zero

  /// - Parameter rowsMax: more than that are never changed at once.
  init(rowsMax: Int) {
    self.rowsMax = rowsMax
    size = min(Self.rowsMin, rowsMax)
  }

  private var isProbe: Bool { batches.isMultiple(of: Self.probeEvery) }

  /// Of the next batch.
  var rows: Int { isProbe ? 1 : size }
  /// How long the next batch may take.
  var timeMax: Duration { finding + Self.keepsMax }

  /// Learns from a batch that took too long and was given up.
  mutating func giveUp() {
    if rows > 1 {
      size /= 2
    } else {
      // One row must pass, however long it takes to find.
      finding = finding * 2 + Self.keepsMax
    }
  }

  /// Learns from a batch. It shrinks at once and grows by a quarter at most: after a slow one the next
  /// are often slow too.
  /// - Parameters:
  ///   - changed: how many rows it had.
  ///   - took: how long it took.
  mutating func adapt(changed: Int, took: Duration) {
    defer { batches += 1 }
    if isProbe {
      // The shorter of two: the other may have waited for something else.
      finding = min(took, lastProbe ?? took)
      lastProbe = took
      return
    }
    // A batch that found few rows says little of one with many.
    guard changed >= size / 2 else { return }
    let fitting = Double(changed) * (Self.aim / max(took - finding, .microseconds(1)))
    let grown = min(Double(size) * 1.25, fitting, Double(rowsMax))
    size = max(Int(grown), min(Self.rowsMin, rowsMax))
  }
}
