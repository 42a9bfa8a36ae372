import TestKit
import Testing

@testable import Operator

/// What the operator's commands ask of the services' tables.
@Suite struct StatementsTests {
  @Test("every statement fits the tables, and reads no large one as a whole")
  func fit() async throws {
    try await assertToolStatementsFit(
      "Sources/Operator", module: "Operator",
      schemas: [
        (
          "identity", [IdentitySeed.self, DurabilitySettings.self],
          ["accounts", "login_identifiers", "credentials", "memberships", "invitations"]
        ),
        ("organization", [OrganizationSeed.self], ["organizations", "employees"]),
        (
          "client-directory", [DirectorySeed.self],
          ["clients", "contact_points", "stakeholders", "client_labels"]
        ),
        ("messaging", [MessagingSeed.self], ["messages"]),
      ])
  }

  @Test("a type of the operator that nobody places is found")
  func unplaced() async throws {
    let problems = await #expect(throws: StatementProblems.self) {
      try await assertToolStatementsFit(
        "Sources/Operator", module: "Operator",
        schemas: [("messaging", [MessagingSeed.self], [])])
    }
    #expect(problems?.lines.contains("IdentitySeed works on nobody's tables") == true)
  }
}
