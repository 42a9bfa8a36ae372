import Foundation
import GRPC
import Postgres
import Testing

@testable import ServiceStorage

/// The rules of what becomes of a job, tried with random lives.
@Suite struct JobVerdictTests {
  private let queue = JobQueue("rules")

  @Test("whatever happens, a job ends: eight failures, three deaths, or a word that ends it")
  func lives() {
    var chance = SystemRandomNumberGenerator()
    for _ in 0..<20_000 {
      var attempt = 0, attemptsMax = 8, abandoned = 0, failures = 0
      var isOver = false
      for _ in 0..<60 where !isOver {
        attempt += 1
        if let because = JobVerdict.refusal(
          attempt: attempt, attemptsMax: attemptsMax, abandoned: abandoned)
        {
          #expect(abandoned >= 3 || failures + abandoned >= 8, "\(because)")
          isOver = true
          continue
        }
        let ending: JobOutcome.Ending? =
          switch Int.random(in: 0..<20, using: &chance) {
          case 0: .done
          case 1: .dead(because: "x")
          case 2...8: .again(after: nil, because: "x", counts: false)
          case 9...17: .again(after: nil, because: "x", counts: true)
          default: nil
          }
        guard let ending else {
          abandoned += 1
          continue
        }
        let verdict = JobVerdict(
          ending, attempt: attempt, attemptsMax: attemptsMax, queue: queue)
        switch (ending, verdict) {
        case (.done, .complete), (.dead, .bury):
          isOver = true
        case (.again(_, _, counts: true), .bury):
          failures += 1
          #expect(failures + abandoned >= 8)
          isOver = true
        case (.again(_, _, let counts), .postpone(let pause, _, let noted)):
          #expect(counts == noted)
          #expect(pause >= .milliseconds(800) && pause <= .seconds(3600) * 1.2)
          if counts { failures += 1 } else { attemptsMax += 1 }
          #expect(failures < 8)
        default:
          Issue.record("\(ending) became \(verdict)")
          isOver = true
        }
      }
    }
  }

  @Test("pauses double from one second to one hour, a fifth more or less")
  func pauses() {
    func pause(_ attempt: Int, _ chance: Double) -> Duration {
      JobVerdict.pause(after: attempt, queue, chance)
    }
    #expect(pause(1, 0.5) == .seconds(1))
    #expect(pause(4, 0.5) == .seconds(8))
    #expect((6.39...6.41).contains(pause(4, 0).inSeconds))
    #expect((9.59...9.61).contains(pause(4, 1).inSeconds))
    #expect(pause(13, 0.5) == .seconds(3600))
    #expect(pause(1_000_000, 0.5) == .seconds(3600))
  }

  @Test(
    "an attempt that a database in trouble cut off does not count",
    arguments: [
      PostgresError.unavailable("it is away"), .unknownOutcome, .deadlineExceeded, .queueFull,
      .refused(sqlState: "57P01", constraint: nil, table: nil, message: "terminating connection"),
      .refused(sqlState: "53300", constraint: nil, table: nil, message: "too many clients"),
    ])
  func outage(error: PostgresError) {
    guard case .again(_, _, counts: false) = JobVerdict.ending(of: error) else {
      Issue.record("\(error)")
      return
    }
  }

  @Test("a statement that takes too long counts while the database answers others")
  func slow() {
    guard
      case .again(_, _, counts: true) = JobVerdict.ending(
        of: PostgresError.deadlineExceeded, isReachable: true),
      case .again(_, _, counts: false) = JobVerdict.ending(
        of: PostgresError.unknownOutcome, isReachable: true),
      case .again(_, _, counts: false) = JobVerdict.ending(
        of: RPCError(.deadlineExceeded, "a peer is slow"), isReachable: true)
    else {
      Issue.record("it does not")
      return
    }
  }

  @Test("an attempt that the database understood and refused counts")
  func refusal() {
    let error = PostgresError.refused(
      sqlState: "23514", constraint: "c", table: "t", message: "violates check")
    guard case .again(_, _, counts: true) = JobVerdict.ending(of: error) else {
      Issue.record("\(error)")
      return
    }
  }

  @Test("what a peer refuses for good is dead, what it cannot do now does not count")
  func errors() {
    func ending(_ code: StatusCode) -> JobOutcome.Ending {
      JobVerdict.ending(of: RPCError(code, "x"))
    }
    for code: StatusCode in [.invalidArgument, .notFound, .failedPrecondition, .alreadyExists] {
      guard case .dead = ending(code) else {
        Issue.record("\(code)")
        continue
      }
    }
    for code: StatusCode in [.unavailable, .deadlineExceeded, .resourceExhausted] {
      guard case .again(_, _, counts: false) = ending(code) else {
        Issue.record("\(code)")
        continue
      }
    }
    guard case .again(_, _, counts: true) = ending(.internalError) else {
      Issue.record("internal")
      return
    }
  }
}
