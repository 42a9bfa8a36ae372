import Foundation
import TestKit
import Testing

/// Many callers read and write the same few rows while processes die: nobody's update is lost,
/// nobody sees the past, and nobody sees half of a transaction (R6).
@Suite(.serialized, .timeLimit(.minutes(120))) struct RegisterTests {
  /// Reads and writes of the registers.
  static let transactions = Setting.count("CLIENTELE_TRANSACTIONS", 2_000)
  /// After how many of them the next process dies.
  static let calm = 250

  @Test("lists and tokens, while the service and its database are killed")
  func kills() async throws {
    try await withStack { stack in
      let workload = try await Workload(stack, of: .registers)
      var kills = 0
      try await workload.during {
        while workload.transactions < Self.transactions {
          switch kills % 4 {
          case 0: _ = try await stack.crash(process: "client-directory", within: .seconds(30))
          case 2: _ = try await stack.crash(process: "client-directory-2", within: .seconds(30))
          case 1: try await stack.crashBackend()
          default: try await stack.crashDatabase()
          }
          kills += 1
          let wanted = workload.transactions + Self.calm
          try await wait("\(Self.calm) more transactions", within: .seconds(120)) {
            workload.transactions >= wanted
          }
        }
      }
      try await workload.settle(stack, "registers, \(kills) kills")
      let tokens = workload.tokens.report()
      #expect(tokens.acknowledged >= Self.transactions / 20)
      #expect(tokens.inDoubt == 0)
      await workload.close()
    }
  }
}
