import Foundation
import GRPC
import TestKit
import Testing

/// The checker finds every kind of violation that is planted, and none where there is none.
@Suite struct CheckerTests {
  private static let start = ContinuousClock.now
  private static func moment(_ milliseconds: Int) -> ContinuousClock.Instant {
    start + .milliseconds(milliseconds)
  }

  /// Calls one after the other, under one key.
  private static func entries(_ effect: String, _ outcomes: OpLog.Outcome...) -> [OpLog.Entry] {
    let key = UUID()
    return outcomes.enumerated().map { number, outcome in
      OpLog.Entry(
        key: key, method: "Make", organization: "one", effect: effect, start: moment(number * 10),
        end: moment(number * 10 + 5), outcome: outcome)
    }
  }

  @Test("a log without violations")
  func clean() {
    let entries =
      Self.entries("a", .ok("1")) + Self.entries("b", .inDoubt("reset"), .ok("2"))
      + Self.entries("c", .refused("taken")) + Self.entries("d", .inDoubt("reset"))
      + Self.entries("e", .inDoubt("reset"), .refused("stale"))
      + Self.entries("f", .inDoubt("late")) + Self.entries("g", .ok("3"), .ok("3"))
    let report = OpReport(entries, stored: ["a": 1, "b": 1, "d": 1, "f": 0, "g": 1])
    #expect(report.violations == [])
    #expect(report.calls == 10)
    #expect(report.operations == 7)
    #expect(report.acknowledged == 3)
    #expect(report.doubtsSettled == 1)
    #expect(report.refused == 2)
    #expect(report.inDoubt == 2)
    #expect(report.longest == .milliseconds(5))
  }

  @Test("an acknowledged effect that is gone")
  func lost() {
    let entries = Self.entries("a", .ok("1")) + Self.entries("b", .inDoubt("reset"), .ok("2"))
    #expect(OpReport(entries, stored: ["b": 1]).lost.count == 1)
    #expect(OpReport(entries, stored: ["a": 1]).lost.count == 1)
    #expect(OpReport(entries, stored: [:]).lost.count == 2)
  }

  @Test("an effect that happened twice, acknowledged or in doubt")
  func doubled() {
    let entries = Self.entries("a", .inDoubt("reset"), .ok("1")) + Self.entries("b", .inDoubt("x"))
    let report = OpReport(entries, stored: ["a": 2, "b": 3])
    #expect(report.doubled == ["a, 2 times", "b, 3 times"])
    #expect(report.violations.count == 2)
  }

  @Test("the effect of what was refused, and of what nobody asked for")
  func invented() {
    let entries =
      Self.entries("a", .refused("taken")) + Self.entries("b", .inDoubt("reset"), .refused("no"))
    let report = OpReport(entries, stored: ["a": 1, "b": 1, "c": 1])
    #expect(report.invented == ["a", "b", "c"])
  }

  @Test("two answers under one key")
  func contradicted() {
    let report = OpReport(Self.entries("a", .ok("1"), .ok("2")), stored: ["a": 1])
    #expect(report.contradicted.count == 1)
  }

  @Test("only what a service says no with is certain")
  func judgement() {
    let isCertain: (RPCError) -> Bool = {
      if case .refused = OpLog.judge($0) { true } else { false }
    }
    #expect(isCertain(RPCError(.notFound, "")))
    #expect(isCertain(RPCError(.aborted, "")))
    for code in [StatusCode.unavailable, .deadlineExceeded, .cancelled, .unknown, .internalError] {
      #expect(!isCertain(RPCError(code, "")), "\(code)")
    }
    #expect(OpLog.judge(CancellationError()) == .inDoubt("CancellationError()"))
  }

  // MARK: Lists

  private static func log(
    appends: [(String, Int, OpLog.Outcome)], reads: [([String], Int)]
  ) -> ListLog {
    let log = ListLog()
    for (mark, end, outcome) in appends {
      log.note(ListLog.Append(list: "l", mark: mark, end: moment(end), outcome: outcome))
    }
    for (marks, start) in reads {
      log.note(ListLog.Read(list: "l", marks: marks, start: moment(start)))
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
}
