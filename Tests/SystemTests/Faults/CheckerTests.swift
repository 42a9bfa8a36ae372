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

  /// The report when the audit log is as it should be.
  private static func report(_ entries: [OpLog.Entry], stored: [String: Int]) -> OpReport {
    let happened = entries.filter { stored[$0.effect, default: 0] > 0 }
    return OpReport(
      entries, stored: stored,
      recorded: Dictionary(happened.map { ($0.key, 1) }, uniquingKeysWith: { first, _ in first }))
  }

  @Test("a log without violations")
  func clean() {
    let entries =
      Self.entries("a", .ok("1")) + Self.entries("b", .inDoubt("reset"), .ok("2"))
      + Self.entries("c", .refused("taken")) + Self.entries("d", .inDoubt("reset"))
      + Self.entries("e", .inDoubt("reset"), .refused("stale"))
      + Self.entries("f", .inDoubt("late")) + Self.entries("g", .ok("3"), .ok("3"))
    let report = Self.report(entries, stored: ["a": 1, "b": 1, "d": 1, "f": 0, "g": 1])
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
    #expect(Self.report(entries, stored: ["b": 1]).lost.count == 1)
    #expect(Self.report(entries, stored: ["a": 1]).lost.count == 1)
    #expect(Self.report(entries, stored: [:]).lost.count == 2)
  }

  @Test("an effect that happened twice, acknowledged or in doubt")
  func doubled() {
    let entries = Self.entries("a", .inDoubt("reset"), .ok("1")) + Self.entries("b", .inDoubt("x"))
    let report = Self.report(entries, stored: ["a": 2, "b": 3])
    #expect(report.doubled == ["a, 2 times", "b, 3 times"])
    #expect(report.violations.count == 2)
  }

  @Test("the effect of what was refused, and of what nobody asked for")
  func invented() {
    let entries =
      Self.entries("a", .refused("taken")) + Self.entries("b", .inDoubt("reset"), .refused("no"))
    let report = Self.report(entries, stored: ["a": 1, "b": 1, "c": 1])
    #expect(report.invented == ["a", "b", "c"])
  }

  @Test("two answers under one key")
  func contradicted() {
    let report = Self.report(Self.entries("a", .ok("1"), .ok("2")), stored: ["a": 1])
    #expect(report.contradicted.count == 1)
  }

  @Test("a change that is not on record, one that is there twice, and one that never happened")
  func records() {
    let entries =
      Self.entries("a", .inDoubt("reset"), .ok("1")) + Self.entries("b", .ok("2"))
      + Self.entries("c", .refused("taken")) + Self.entries("d", .inDoubt("reset"))
      + Self.entries("e", .inDoubt("reset"))
    let keys = Dictionary(
      entries.map { ($0.effect, $0.key) }, uniquingKeysWith: { first, _ in first })
    func report(_ counts: [String: Int]) -> OpReport {
      OpReport(
        entries, stored: ["a": 1, "b": 1, "d": 1],
        recorded: Dictionary(
          uniqueKeysWithValues: counts.compactMap { effect, count in
            keys[effect].map { ($0, count) }
          }))
    }
    #expect(report(["a": 1, "b": 1, "d": 1]).violations == [])
    #expect(report(["a": 1, "b": 1]).unrecorded.map { $0.prefix(1) } == ["d"])
    #expect(report(["a": 0, "b": 1, "d": 1]).unrecorded.count == 1)
    #expect(report(["a": 2, "b": 1, "d": 3]).recordedTwice.count == 2)
    let lies = report(["a": 1, "b": 1, "c": 1, "d": 1, "e": 1])
    #expect(lies.falselyRecorded.map { $0.prefix(1) } == ["c", "e"])
    #expect(lies.violations.count == 2)
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
}
