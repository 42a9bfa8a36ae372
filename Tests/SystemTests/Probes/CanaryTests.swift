import ClientDirectoryAPI
import CommonAPI
import Foundation
import GRPC
import Synchronization
import TestKit
import Testing

/// Calls that are cancelled or late, writes that are refused in the middle of a pipeline, and kills: on
/// connections that both organisations use, no answer holds the other's data (R17).
@Suite(.serialized, .timeLimit(.minutes(60))) struct CanaryTests {
  /// Answers that are looked at.
  static let answers = Setting.count("CLIENTELE_CANARY_ANSWERS", 10_000)
  private static let faults = 10
  private static let readersOfEach = 8

  @Test("under load, with cancels, aborted pipelines and kills, no answer tells another's data")
  func load() async throws {
    try await withStack { stack in
      let canaries = [
        try await Canary(stack, "admin@demo.example"),
        try await Canary(stack, "admin@other.example"),
      ]
      let wires = try Wires(stack)
      let methods = try ProbedMethod.ofAllServices().filter {
        $0.reads && $0.method.access.callers.contains("gateway")
      }
      let tally = Tally()
      var sides: [Side] = []
      for (own, foreign) in [(canaries[0], canaries[1]), (canaries[1], canaries[0])] {
        let administrator = try await Administrator(wires, as: own.identifier)
        let prober = Prober(
          wires: [wires, wires], administrator: administrator, forbidden: foreign.word)
        try await prober.harvest(methods)
        sides.append(
          Side(
            word: own.word, prober: prober, administrator: administrator, methods: methods,
            wires: wires, tally: tally))
      }
      try await withThrowingTaskGroup(of: Void.self) { group in
        for side in sides {
          for _ in 0..<Self.readersOfEach { group.addTask { try await side.read() } }
          group.addTask { try await side.write() }
        }
        group.addTask { try await Self.disturb(stack, tally) }
        try await group.waitForAll()
      }
      await wires.close()
      let counts = tally.counts
      Report.say(
        "\(counts["answers", default: 0]) answers tapped, of them "
          + "\(counts["own", default: 0]) with their own organisation's word, "
          + "\(counts["cut", default: 0]) calls cut off, \(counts["reused", default: 0]) writes "
          + "refused in their pipeline, \(counts["faults", default: 0]) kills")
      for side in sides { #expect(counts[side.word, default: 0] > 100, "the tap sees nothing") }
      #expect(counts["cut", default: 0] > 100)
      #expect(counts["reused", default: 0] > 10)
      #expect(counts["faults"] == Self.faults)
      try Canary.check(stack, canaries[0], canaries[1])
    }
  }

  /// Faults spread evenly over the answers.
  private static func disturb(_ stack: Stack, _ tally: Tally) async throws {
    for number in 1...faults {
      try await wait("there are more answers", within: .seconds(1_800)) {
        tally["answers"] >= answers * number / (faults + 1)
      }
      switch number % 4 {
      case 1: try await stack.crashBackend()
      case 2: try await stack.crash(process: "client-directory", within: KillTests.backWithin)
      default:
        _ = try await stack.sql(
          """
          select pg_terminate_backend(pid) from pg_stat_activity
          where backend_type = 'client backend' and usename <> 'postgres'
          """)
      }
      tally.add("faults")
    }
  }
}

/// What is counted, by name.
private final class Tally: Sendable {
  private let state = Mutex([String: Int]())

  var counts: [String: Int] { state.withLock { $0 } }
  subscript(_ name: String) -> Int { state.withLock { $0[name, default: 0] } }
  func add(_ name: String) { state.withLock { $0[name, default: 0] += 1 } }
  var isOver: Bool { self["answers"] >= CanaryTests.answers }
}

/// One organisation's people.
private struct Side: Sendable {
  let word: String
  let prober: Prober
  let administrator: Administrator
  let methods: [ProbedMethod]
  let wires: Wires
  let tally: Tally

  /// Reads whatever there is, and loses patience now and then.
  func read() async throws {
    while !tally.isOver {
      guard let method = methods.randomElement() else { return }
      let hazard = Int.random(in: 0..<10)
      let soon = Duration.microseconds(Int.random(in: 200...8_000))
      let answer = try await prober.read(
        method, timeout: hazard == 0 ? soon : .seconds(10), patience: hazard == 1 ? soon : nil)
      if answer == nil, hazard < 2 { tally.add("cut") }
      tally.add("answers")
      guard let answer, Data(answer).firstRange(of: Data(word.utf8)) != nil else { continue }
      tally.add("own")
      tally.add(word)
    }
  }

  /// Writes under a request id that was used, which fails in the middle of its pipeline.
  func write() async throws {
    var request = CreateClientRequest(
      requestID: UUID().uuidString, organizationID: administrator.organization,
      noEmailConfirmed: true, givenName: "Ada", familyName: "Family \(word)")
    _ = try await patiently { [request] in
      try await wires.directory.createClient(request, options: try await administrator.options())
    }
    while !tally.isOver {
      request.givenName = "Ada \(Int.random(in: 0..<1_000_000))"
      do {
        _ = try await wires.directory.createClient(
          request, options: try await administrator.options())
        Issue.record("a used request id was taken once more")
      } catch {
        if (error as? RPCError)?.reason == "REQUEST_ID_REUSED" { tally.add("reused") }
      }
    }
  }
}
