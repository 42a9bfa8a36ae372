import Foundation
import Synchronization

/// Things each of which is in one of several places, and is moved from one to another in a single
/// transaction: a bank with one coin. Whoever looks must see it in one place, and in one where it
/// may have been at the time.
public final class TokenLog: Sendable {
  /// A look at all places of a token.
  public struct Read: Sendable, Hashable {
    /// Which token.
    public var token: String
    /// Where it was seen.
    public var holders: [String]
    /// When the question was sent.
    public var start: ContinuousClock.Instant
    /// When the answer was there.
    public var end: ContinuousClock.Instant

    /// Lists the parts.
    public init(
      token: String, holders: [String], start: ContinuousClock.Instant,
      end: ContinuousClock.Instant
    ) {
      self.token = token
      self.holders = holders
      self.start = start
      self.end = end
    }
  }

  /// A token that was to be moved; its first placing counts as a move.
  public struct Move: Sendable, Hashable {
    /// Which token.
    public var token: String
    /// To where.
    public var place: String
    /// When its first call was sent.
    public var start: ContinuousClock.Instant
    /// When its last call ended.
    public var end: ContinuousClock.Instant
    /// How its last call ended.
    public var outcome: OpLog.Outcome

    /// Lists the parts.
    public init(
      token: String, place: String, start: ContinuousClock.Instant, end: ContinuousClock.Instant,
      outcome: OpLog.Outcome
    ) {
      self.token = token
      self.place = place
      self.start = start
      self.end = end
      self.outcome = outcome
    }
  }

  private struct Kept {
    var reads: [Read] = []
    var moves: [Move] = []
  }

  private let kept = Mutex(Kept())

  /// An empty log.
  public init() {}

  /// Transactions so far: looks and moves.
  public var count: Int { kept.withLock { $0.reads.count + $0.moves.count } }

  /// Adds a look at a token.
  public func note(_ read: Read) { kept.withLock { $0.reads.append(read) } }

  /// Adds a move that was answered, or given up.
  public func note(_ move: Move) { kept.withLock { $0.moves.append(move) } }

  /// What the log comes to.
  public func report() -> TokenReport {
    kept.withLock { TokenReport(reads: $0.reads, moves: $0.moves) }
  }
}

/// What the moves of a log came to.
public struct TokenReport: Sendable, CustomStringConvertible {
  /// Looks at tokens.
  public let reads: Int
  /// Moves that were acknowledged.
  public private(set) var acknowledged = 0
  /// Moves that were refused.
  public private(set) var refused = 0
  /// Moves of which nobody knows.
  public private(set) var inDoubt = 0

  /// A look that saw a token nowhere, or in several places.
  public private(set) var torn: [String] = []
  /// A look that saw a token where it cannot have been at the time: it was moved on before, or
  /// nobody moved it there.
  public private(set) var strayed: [String] = []

  /// Everything that must not be, in words; empty when all is well.
  public var violations: [String] {
    torn.map { "torn: \($0)" } + strayed.map { "stale or invented: \($0)" }
  }

  init(reads: [TokenLog.Read], moves: [TokenLog.Move]) {
    self.reads = reads.count
    for move in moves {
      switch move.outcome {
      case .ok: acknowledged += 1
      case .refused: refused += 1
      case .inDoubt: inDoubt += 1
      }
    }
    let moves = Dictionary(grouping: moves, by: \.token)
    for read in reads {
      guard read.holders.count == 1 else {
        torn.append("\(read.token) at \(read.holders)")
        continue
      }
      let place = read.holders[0]
      if !Self.mayBe(at: place, read, moves[read.token] ?? []) {
        strayed.append("\(read.token) at \(place)")
      }
    }
  }

  /// Whether somebody moved it there, or may have, and nobody certainly moved it on in between.
  private static func mayBe(
    at place: String, _ read: TokenLog.Read, _ moves: [TokenLog.Move]
  ) -> Bool {
    let before = moves.filter { $0.outcome.isAnswer && $0.end < read.start }
    return moves.contains { move in
      guard move.place == place, move.start < read.end else { return false }
      switch move.outcome {
      case .ok: return !before.contains { $0.place != place && $0.start > move.end }
      case .refused: return false
      // It may still happen long after it was given up.
      case .inDoubt: return true
      }
    }
  }

  /// One line of figures, then one for each violation.
  public var description: String {
    let figures =
      "\(acknowledged) moves acknowledged, \(refused) refused, \(inDoubt) in doubt, "
      + "\(reads) looks: \(torn.count) torn, \(strayed.count) stale or invented"
    return ([figures] + violations).joined(separator: "\n  ")
  }
}
