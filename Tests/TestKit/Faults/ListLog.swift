import Foundation
import Synchronization

/// Lists that several callers append to, each by reading it, adding its mark, and writing it back
/// under the version it read. A store that loses updates, or answers from the past, is found out.
public final class ListLog: Sendable {
  /// A look at a list.
  public struct Read: Sendable, Hashable {
    /// Which list.
    public var list: String
    /// Its marks, the oldest first.
    public var marks: [String]
    /// When the question was sent.
    public var start: ContinuousClock.Instant
    /// When the answer was there.
    public var end: ContinuousClock.Instant

    /// Lists the parts.
    public init(
      list: String, marks: [String], start: ContinuousClock.Instant, end: ContinuousClock.Instant
    ) {
      self.list = list
      self.marks = marks
      self.start = start
      self.end = end
    }
  }

  /// A mark that was to be added.
  public struct Append: Sendable, Hashable {
    /// To which list.
    public var list: String
    /// Unlike any other of the list.
    public var mark: String
    /// When its first call was sent.
    public var start: ContinuousClock.Instant
    /// When its last call ended.
    public var end: ContinuousClock.Instant
    /// How its last call ended.
    public var outcome: OpLog.Outcome

    /// Lists the parts.
    public init(
      list: String, mark: String, start: ContinuousClock.Instant, end: ContinuousClock.Instant,
      outcome: OpLog.Outcome
    ) {
      self.list = list
      self.mark = mark
      self.start = start
      self.end = end
      self.outcome = outcome
    }
  }

  private struct Kept {
    var reads: [Read] = []
    var appends: [Append] = []
  }

  private let kept = Mutex(Kept())

  /// An empty log.
  public init() {}

  /// Transactions so far: looks and appends.
  public var count: Int { kept.withLock { $0.reads.count + $0.appends.count } }

  /// Adds a look at a list.
  public func note(_ read: Read) { kept.withLock { $0.reads.append(read) } }

  /// Adds an append that was answered, or given up.
  public func note(_ append: Append) { kept.withLock { $0.appends.append(append) } }

  /// The log against the lists as they are once everything has settled.
  public func report(final: [String: [String]]) -> ListReport {
    kept.withLock { ListReport(reads: $0.reads, appends: $0.appends, final: final) }
  }
}

/// What the appends of a log came to.
public struct ListReport: Sendable, CustomStringConvertible {
  /// Looks at lists.
  public let reads: Int
  /// Marks that were acknowledged.
  public private(set) var acknowledged = 0
  /// Marks that were refused, mostly because somebody was faster.
  public private(set) var refused = 0
  /// Marks of which nobody knows.
  public private(set) var inDoubt = 0

  /// Acknowledged, and overwritten by somebody who had not seen it.
  public private(set) var lostUpdates: [String] = []
  /// There twice.
  public private(set) var doubled: [String] = []
  /// There, though refused or never written.
  public private(set) var invented: [String] = []
  /// A look at what was refused, as of a transaction that did not happen.
  public private(set) var aborted: [String] = []
  /// An append that stands before one which was acknowledged before it was sent.
  public private(set) var reordered: [String] = []
  /// A look that missed what was acknowledged, or seen by somebody, before it began.
  public private(set) var stale: [String] = []
  /// A look that is no beginning of what the list became.
  public private(set) var diverged: [String] = []

  /// Everything that must not be, in words; empty when all is well.
  public var violations: [String] {
    lostUpdates.map { "lost update: \($0)" } + doubled.map { "doubled: \($0)" }
      + invented.map { "invented: \($0)" } + aborted.map { "aborted read: \($0)" }
      + reordered.map { "reordered: \($0)" } + stale.map { "stale read: \($0)" }
      + diverged.map { "diverged: \($0)" }
  }

  init(reads: [ListLog.Read], appends: [ListLog.Append], final: [String: [String]]) {
    self.reads = reads.count
    let appends = Dictionary(grouping: appends, by: \.list)
    let reads = Dictionary(grouping: reads, by: \.list)
    for list in Set(final.keys).union(appends.keys).union(reads.keys).sorted() {
      judge(list, appends[list] ?? [], final[list] ?? [])
      judge(list, reads[list] ?? [], appends[list] ?? [], final[list] ?? [])
    }
  }

  private mutating func judge(_ list: String, _ appends: [ListLog.Append], _ final: [String]) {
    var permitted: Set<String> = []
    for append in appends {
      switch append.outcome {
      case .ok:
        acknowledged += 1
        if !final.contains(append.mark) { lostUpdates.append("\(append.mark) in \(list)") }
      case .refused:
        refused += 1
        continue
      case .inDoubt: inDoubt += 1
      }
      permitted.insert(append.mark)
    }
    for mark in Set(final) where final.count(where: { $0 == mark }) > 1 {
      doubled.append("\(mark) in \(list)")
    }
    for mark in Set(final).subtracting(permitted) { invented.append("\(mark) in \(list)") }
    let places = Dictionary(
      final.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
    for later in appends {
      guard let place = places[later.mark] else { continue }
      for earlier in appends where earlier.outcome.isAnswer && earlier.end < later.start {
        guard let before = places[earlier.mark], before > place else { continue }
        reordered.append("\(later.mark) before \(earlier.mark) in \(list)")
      }
    }
  }

  private mutating func judge(
    _ list: String, _ reads: [ListLog.Read], _ appends: [ListLog.Append], _ final: [String]
  ) {
    let refused = Set(
      appends.filter { if case .refused = $0.outcome { true } else { false } }.map(\.mark))
    for read in reads {
      if !final.starts(with: read.marks) {
        diverged.append("\(list) was once \(read.marks)")
      }
      for mark in refused.intersection(read.marks) { aborted.append("\(mark) in \(list)") }
      var known = Set(
        appends.filter { $0.outcome.isAnswer && $0.end < read.start }.map(\.mark))
      for earlier in reads where earlier.end < read.start { known.formUnion(earlier.marks) }
      for mark in known.subtracting(read.marks).sorted() { stale.append("\(mark) in \(list)") }
    }
  }

  /// One line of figures, then one for each violation.
  public var description: String {
    let figures =
      "\(acknowledged) appends acknowledged, \(refused) refused, \(inDoubt) in doubt, "
      + "\(reads) reads: \(lostUpdates.count) lost updates, \(doubled.count) doubled, "
      + "\(invented.count) invented, \(aborted.count) aborted reads, "
      + "\(reordered.count) reordered, \(stale.count) stale reads, \(diverged.count) diverged"
    return ([figures] + violations).joined(separator: "\n  ")
  }
}
