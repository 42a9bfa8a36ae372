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

    /// Lists the parts.
    public init(list: String, marks: [String], start: ContinuousClock.Instant) {
      self.list = list
      self.marks = marks
      self.start = start
    }
  }

  /// A mark that was to be added.
  public struct Append: Sendable, Hashable {
    /// To which list.
    public var list: String
    /// Unlike any other of the list.
    public var mark: String
    /// When its last call ended.
    public var end: ContinuousClock.Instant
    /// How its last call ended.
    public var outcome: OpLog.Outcome

    /// Lists the parts.
    public init(
      list: String, mark: String, end: ContinuousClock.Instant, outcome: OpLog.Outcome
    ) {
      self.list = list
      self.mark = mark
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
  /// A look that missed what was acknowledged before it began.
  public private(set) var stale: [String] = []
  /// A look that is no beginning of what the list became.
  public private(set) var diverged: [String] = []

  /// Everything that must not be, in words; empty when all is well.
  public var violations: [String] {
    lostUpdates.map { "lost update: \($0)" } + doubled.map { "doubled: \($0)" }
      + invented.map { "invented: \($0)" } + stale.map { "stale read: \($0)" }
      + diverged.map { "diverged: \($0)" }
  }

  init(reads: [ListLog.Read], appends: [ListLog.Append], final: [String: [String]]) {
    self.reads = reads.count
    var acknowledgedMarks: [String: [ListLog.Append]] = [:]
    var permitted: [String: Set<String>] = [:]
    for append in appends {
      let isThere = final[append.list, default: []].contains(append.mark)
      switch append.outcome {
      case .ok:
        acknowledged += 1
        acknowledgedMarks[append.list, default: []].append(append)
        if !isThere { lostUpdates.append("\(append.mark) in \(append.list)") }
      case .refused:
        refused += 1
        continue
      case .inDoubt: inDoubt += 1
      }
      permitted[append.list, default: []].insert(append.mark)
    }
    for (list, marks) in final {
      for mark in Set(marks) where marks.count(where: { $0 == mark }) > 1 {
        doubled.append("\(mark) in \(list)")
      }
      for mark in Set(marks).subtracting(permitted[list] ?? []) {
        invented.append("\(mark) in \(list)")
      }
    }
    for read in reads {
      if !final[read.list, default: []].starts(with: read.marks) {
        diverged.append("\(read.list) was once \(read.marks)")
      }
      let missed = acknowledgedMarks[read.list, default: []].filter {
        $0.end < read.start && !read.marks.contains($0.mark)
      }
      for append in missed { stale.append("\(append.mark) in \(read.list)") }
    }
  }

  /// One line of figures, then one for each violation.
  public var description: String {
    let figures =
      "\(acknowledged) appends acknowledged, \(refused) refused, \(inDoubt) in doubt, "
      + "\(reads) reads: \(lostUpdates.count) lost updates, \(doubled.count) doubled, "
      + "\(invented.count) invented, \(stale.count) stale reads, \(diverged.count) diverged"
    return ([figures] + violations).joined(separator: "\n  ")
  }
}
