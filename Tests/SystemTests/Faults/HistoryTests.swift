import Foundation
import TestKit
import Testing

/// The checkers of lists and of tokens find every kind of violation that is planted, and none where
/// there is none (R6).
@Suite struct HistoryTests {
  private static let start = ContinuousClock.now
  private static func moment(_ milliseconds: Int) -> ContinuousClock.Instant {
    start + .milliseconds(milliseconds)
  }

  // MARK: Lists

  private static func log(
    appends: [(String, Int, OpLog.Outcome)], reads: [([String], Int)]
  ) -> ListLog {
    let log = ListLog()
    for (mark, end, outcome) in appends {
      log.note(
        ListLog.Append(
          list: "l", mark: mark, start: moment(end - 5), end: moment(end), outcome: outcome))
    }
    for (marks, start) in reads {
      log.note(
        ListLog.Read(list: "l", marks: marks, start: moment(start), end: moment(start + 5)))
    }
    return log
  }

  @Test("lists without violations")
  func cleanLists() {
    let log = Self.log(
      appends: [
        ("1", 10, .ok("")), ("2", 20, .refused("stale")), ("3", 30, .inDoubt("reset")),
        ("4", 40, .ok("")),
      ],
      reads: [([], 0), (["1"], 11), (["1"], 39), (["1", "3"], 35), (["1", "3", "4"], 41)])
    let report = log.report(final: ["l": ["1", "3", "4"]])
    #expect(report.violations == [])
    #expect(report.acknowledged == 2)
    #expect(report.refused == 1)
    #expect(report.inDoubt == 1)
    #expect(report.reads == 5)
  }

  @Test("an update that somebody wrote over")
  func lostUpdate() {
    let log = Self.log(
      appends: [("1", 10, .ok("")), ("2", 20, .ok(""))], reads: [(["1"], 12)])
    let report = log.report(final: ["l": ["2"]])
    #expect(report.lostUpdates == ["1 in l"])
    #expect(report.diverged.count == 1)
  }

  @Test("a look into the past")
  func staleRead() {
    let log = Self.log(appends: [("1", 10, .ok("")), ("2", 20, .ok(""))], reads: [(["1"], 21)])
    let report = log.report(final: ["l": ["1", "2"]])
    #expect(report.violations == ["stale read: 2 in l"])
  }

  @Test("a mark that is there twice, one that was refused, and one that nobody wrote")
  func strangeMarks() {
    let log = Self.log(appends: [("1", 10, .ok("")), ("2", 20, .refused("stale"))], reads: [])
    let report = log.report(final: ["l": ["1", "1", "2", "9"]])
    #expect(report.doubled == ["1 in l"])
    #expect(Set(report.invented) == ["2 in l", "9 in l"])
  }

  @Test("a look that shows less than an earlier one, though nobody was answered")
  func backwards() async throws {
    let log = Self.log(
      appends: [("1", 10, .inDoubt("reset"))], reads: [(["1"], 11), ([], 17), (["1"], 23)])
    #expect(log.report(final: ["l": ["1"]]).violations == ["stale read: 1 in l"])
    // Side by side, either may come first.
    let beside = Self.log(
      appends: [("1", 10, .inDoubt("reset"))], reads: [(["1"], 11), ([], 14), (["1"], 23)])
    #expect(beside.report(final: ["l": ["1"]]).violations == [])
  }

  @Test("a look at what a refused transaction wrote")
  func abortedRead() {
    let log = Self.log(appends: [("1", 10, .refused("stale"))], reads: [(["1"], 7)])
    let report = log.report(final: ["l": []])
    #expect(report.aborted == ["1 in l"])
    #expect(report.diverged.count == 1)
  }

  @Test("an append that slipped in before one which was answered earlier")
  func reordered() {
    let log = Self.log(appends: [("1", 10, .ok("")), ("2", 20, .ok(""))], reads: [])
    #expect(
      log.report(final: ["l": ["2", "1"]]).violations == ["reordered: 2 before 1 in l"])
  }

  // MARK: Tokens

  private static func tokens(
    moves: [(String, Int, OpLog.Outcome)], reads: [([String], Int)]
  ) -> TokenReport {
    let log = TokenLog()
    for (place, end, outcome) in moves {
      log.note(
        TokenLog.Move(
          token: "t", place: place, start: moment(end - 5), end: moment(end), outcome: outcome))
    }
    for (holders, start) in reads {
      log.note(
        TokenLog.Read(
          token: "t", holders: holders, start: moment(start), end: moment(start + 5)))
    }
    return log.report()
  }

  @Test("tokens without violations")
  func cleanTokens() {
    let report = Self.tokens(
      moves: [
        ("a", 10, .ok("")), ("b", 20, .ok("")), ("c", 30, .refused("stale")),
        ("d", 40, .inDoubt("reset")), ("e", 42, .ok("")),
      ],
      reads: [(["a"], 11), (["b"], 21), (["b"], 34), (["d"], 45), (["e"], 45)])
    #expect(report.violations == [])
    #expect(report.acknowledged == 3)
    #expect(report.reads == 5)
  }

  @Test("a token that is nowhere, and one that is in two places: somebody saw half a transaction")
  func torn() {
    let report = Self.tokens(
      moves: [("a", 10, .ok("")), ("b", 20, .ok(""))], reads: [([], 16), (["a", "b"], 17)])
    #expect(report.torn.count == 2)
  }

  @Test("a token where it was before, where nobody put it, and where it was refused")
  func strayed() {
    let moves: [(String, Int, OpLog.Outcome)] = [
      ("a", 10, .ok("")), ("b", 20, .ok("")), ("c", 30, .refused("stale")),
    ]
    for place in ["a", "c", "z"] {
      #expect(Self.tokens(moves: moves, reads: [([place], 40)]).strayed == ["t at \(place)"])
    }
    #expect(Self.tokens(moves: moves, reads: [(["b"], 9)]).strayed == ["t at b"])
  }
}
