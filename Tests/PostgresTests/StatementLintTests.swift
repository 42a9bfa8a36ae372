import Testing

@testable import TestKit

@Suite struct StatementLintTests {
  @Test("statements are counted for the type that holds them, comments not")
  func counts() {
    var counts: [String: Int] = [:]
    StatementLint.count(
      """
      struct Things: Table, Sendable {
        /// Like Statement<NoRow>("…").
        static let one = Statement<ThingRow>(
          "select 1")
        private static let two: Statement<NoRow> = Statement("select 2")
        func find() -> Statement<NoRow> { Self.two }
      }

      public extension Things {
        static let shapes = Shape.allCases.map { ($0, Statement<[Int]>(sql($0))) }
      }
      enum Others {
        static let none = Statement<NoRow>("select 3")
      }
      """, into: &counts)
    #expect(counts == ["Things": 3, "Others": 1])
  }

  @Test("types are found by their names, and others not")
  func types() {
    let module = "PostgresTests"
    #expect(StatementLint.type("StatementLintTests", in: module) == StatementLintTests.self)
    #expect(StatementLint.type("Sample", in: module) == Sample.self)
    #expect(StatementLint.type("Absent", in: module) == nil)
  }
}
