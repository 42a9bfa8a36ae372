import Foundation
import TestKit
import Testing

/// One organisation never sees another's data, whichever method it calls and whichever id it puts
/// into whichever field (R17). The requests come from the descriptors: a method that is added is
/// probed without a change here. Afterwards nothing secret lies anywhere at rest (R30).
@Suite(.serialized, .timeLimit(.minutes(30))) struct ProbeTests {
  /// Fewest probes; the round is repeated with other ids until they are made.
  static let probes = Setting.count("CLIENTELE_PROBES", 1)

  @Test("every id of every method: another organisation's is like nobody's")
  func everyField() async throws {
    Cores.letChildrenLeaveThem()
    try await withStack { stack in
      let secrets = Secrets()
      let victim = try await Canary(stack, "admin@demo.example")
      let attacker = try await Canary(stack, "admin@other.example")
      try await secrets.use(stack, mailedTo: victim.email)
      // Numbers are read in full only soon after a sign-in.
      try await secrets.useNumbers(try await Practice.signedIn(stack, as: victim.identifier))
      let wires = try ["gateway", "operator"].map { try Wires(stack, as: $0) }
      let methods = try ProbedMethod.ofAllServices().filter { !$0.idPaths.isEmpty }
      #expect(methods.count >= 15)
      let caller = Prober(
        wires: wires, administrator: try await Administrator(wires[0], as: attacker.identifier),
        forbidden: victim.word)
      let owner = Prober(
        wires: wires, administrator: try await Administrator(wires[0], as: victim.identifier),
        forbidden: attacker.word)
      try await owner.harvest(methods)
      try await caller.harvest(methods)
      for name in ["clientId", "contactPointId", "employeeId", "branchId", "messageId"] {
        #expect(owner.ids(name).isEmpty == false, "\(name)")
        #expect(caller.ids(name).isEmpty == false, "\(name)")
      }
      repeat {
        for method in methods { try await caller.probe(method, foreign: owner) }
      } while caller.count < Self.probes
      let onNobodysBehalf = try await ServiceProbes(
        prober: caller, own: Invited(stack, attacker), foreign: Invited(stack, victim)
      ).run()
      for wires in wires { await wires.close() }
      Report.say(
        "\(caller.count) probes of \(methods.count) methods and of \(onNobodysBehalf) that serve "
          + "on nobody's behalf, \(caller.answers) answers tapped; another's id takes "
          + "\(caller.medianDifference) longer than nobody's (median)")
      #expect(caller.count >= 100)
      #expect(abs(caller.medianDifference / .milliseconds(1)) <= 1)
      try Canary.check(stack, victim, attacker)
      try await secrets.check(stack)
      #expect(try stack.coreBytesMax().values.allSatisfy { ["0", "1"].contains($0) })
      let left = try await Cores.left { try await stack.crashPrograms() }
      #expect(left == [])
      try await secrets.check(stack)
    }
  }
}
