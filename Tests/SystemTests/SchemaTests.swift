import Foundation
import TestKit
import Testing

/// What a service makes of a database that is not as it was when the program was written (R25), and
/// of one that may forget (R4).
@Suite(.serialized, .timeLimit(.minutes(5))) struct SchemaTests {
  @Test("a newer schema is worked on; an older one, and a forgetful database, are refused")
  func versions() async throws {
    try await withStack { stack in
      try await newer(stack)
      try await refused(
        stack, because: "this program needs",
        """
        update client_directory.schema_migrations set version = -version
        where version = (select max(version) from client_directory.schema_migrations
          where version < 900)
        """,
        """
        update client_directory.schema_migrations set version = -version where version < 0
        """)
      for setting in ["synchronous_commit", "full_page_writes"] {
        try await refused(
          stack, because: "set \(setting) = on",
          "alter system set \(setting) = off", "alter system reset \(setting)")
      }
    }
  }

  /// The next release's migration has run already: a step more, and a column more.
  private func newer(_ stack: Stack) async throws {
    for schema in ["identity", "organization", "client_directory", "messaging"] {
      _ = try await stack.sql(
        """
        insert into \(schema).schema_migrations (version, name, checksum)
        values (999, 'of_the_next_release', 'unknown')
        """)
    }
    for table in [
      "identity.accounts", "organization.employees", "client_directory.clients",
      "messaging.messages",
    ] {
      _ = try await stack.sql("alter table \(table) add column of_the_next_release text")
    }
    let said = try await Program.run(
      try Stack.program("clientele").path,
      ["restart", "--directory", stack.directory.path] + DevNames.services)
    #expect(said.status == 0, "\(said.output)")
    try await Journey(stack: stack, number: 999).run()
    try await StaffJourney(stack: stack, number: 999).run()
    _ = try await stack.sql("delete from client_directory.schema_migrations where version = 999")
  }

  /// A process that starts on such a database ends with a sentence, again and again, until somebody
  /// has set things right.
  private func refused(
    _ stack: Stack, because words: String, _ change: String, _ restoration: String
  ) async throws {
    let process = "client-directory"
    let log = stack.directory.appending(path: "logs/\(process).log")
    let old = try #require(try stack.processes()[process])
    _ = try await stack.sql(change)
    _ = try await stack.sql("select pg_reload_conf()")
    try await stack.crash(process)
    try await wait("\(process) says why it does not start", within: .seconds(30)) {
      try String(contentsOf: log, encoding: .utf8).contains(words)
    }
    #expect(!stack.isReady(process))
    _ = try await stack.sql(restoration)
    _ = try await stack.sql("select pg_reload_conf()")
    _ = try await stack.successor(of: old, process, within: .seconds(30))
  }
}
