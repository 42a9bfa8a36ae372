import ClientDirectoryAPI
import CommonAPI
import Foundation
import GRPC
import Logging
import ServiceKit
import ServiceStorage
import TestKit
import Testing

@testable import ClientDirectoryCore

/// CreateClient again, at once, and in the middle of trouble.
@Suite struct CreateClientRetryTests {
  @Test("a repeat makes one client, one event, one job", arguments: ["", "julie@example.org"])
  func repeats(email: String) async throws {
    for depth in Depth.allCases {
      try await withDirectory(depth) { harness in
        let employee = harness.staff(.employee, of: harness.organization())
        let request = CreateClientRequest.sample(by: employee, email: email)
        let first = try await harness.api.createClient(request, options: employee.options)
        let second = try await harness.api.createClient(request, options: employee.options)
        #expect(first == second)
        #expect(try await harness.database.count("clients") == 1)
        #expect(try await harness.database.count("events") == 1)
        #expect(try await harness.database.count("jobs") == (email.isEmpty ? 0 : 1))
        #expect(harness.identity.accountCount == (email.isEmpty ? 0 : 1))

        var other = request
        other.givenName = "Julia"
        let reused = await refusal {
          try await harness.api.createClient(other, options: employee.options)
        }
        #expect(reused?.reason == "REQUEST_ID_REUSED")
      }
    }
  }

  @Test("the same request id at once makes one client", arguments: ["", "julie@example.org"])
  func twins(email: String) async throws {
    try await withDirectory { harness in
      let employee = harness.staff(.employee, of: harness.organization())
      let request = CreateClientRequest.sample(by: employee, email: email)
      let answers = await withTaskGroup(of: String?.self) { group in
        for _ in 0..<4 {
          group.addTask {
            try? await harness.api.createClient(request, options: employee.options).clientID
          }
        }
        return await group.reduce(into: [String?]()) { $0.append($1) }
      }
      #expect(Set(answers).count == 1)
      #expect(answers.first != .some(nil))
      let clientCount = try await harness.database.count("clients")
      #expect(clientCount == 1)
      let eventCount = try await harness.database.count("events")
      #expect(eventCount == 1)
    }
  }

  @Test("of two clients with one e-mail at once, one is refused as EMAIL_IN_THIS_ORG")
  func race() async throws {
    try await withDirectory { harness in
      let employee = harness.staff(.employee, of: harness.organization())
      let reasons = await withTaskGroup(of: String.self) { group in
        for _ in 0..<4 {
          group.addTask {
            await refusal { try await harness.create(by: employee, email: "j@example.org") }?
              .reason ?? "created"
          }
        }
        return await group.reduce(into: [String]()) { $0.append($1) }
      }
      #expect(reasons.filter { $0 == "created" }.count == 1)
      #expect(reasons.filter { $0 == "EMAIL_IN_THIS_ORG" }.count == 3)
      let clientCount = try await harness.database.count("clients")
      #expect(clientCount == 1)
      let jobCount = try await harness.database.count("jobs")
      #expect(jobCount == 1)
    }
  }

  @Test("an outage of identity keeps nothing, and the repeat succeeds")
  func outage() async throws {
    try await withDirectory { harness in
      let employee = harness.staff(.employee, of: harness.organization())
      let request = CreateClientRequest.sample(by: employee, email: "julie@example.org")
      harness.identity.fail(with: RPCError(.unavailable, "away"))
      let refused = await refusal {
        try await harness.api.createClient(request, options: employee.options)
      }
      #expect(refused?.code == .unavailable)
      #expect(try await harness.database.count("clients") == 0)
      harness.identity.fail(with: nil)
      let client = try await harness.api.createClient(request, options: employee.options)
      harness.identity.fail(with: RPCError(.unavailable, "away"))
      try await harness.invite()
      #expect(try await harness.database.count("jobs") == 1)
      harness.identity.fail(with: nil)
      try await harness.database.sql("update client_directory.jobs set run_at = now()")
      try await harness.invite()
      #expect(harness.identity.sendings(of: client.clientID) == 1)
    }
  }

  @Test("an invitation that code without jobs left moves, and older code does not miss the table")
  func moved() async throws {
    try await withDirectory { harness in
      let employee = harness.staff(.employee, of: harness.organization())
      let request = CreateClientRequest.sample(by: employee, email: "julie@example.org")
      let client = try await harness.api.createClient(request, options: employee.options)
      let former = Schedule(
        JobKind<NoPayload>("adopt-invitation-jobs", in: .upkeep), .every(.seconds(1)))
      func before() throws -> JobOffice {
        let worker = try harness.database.database(role: "client_directory_worker")
        return JobOffice(
          worker: worker, schema: "client_directory",
          logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, handlers: [],
          schedules: [former])
      }
      try await harness.database.sql(
        """
        delete from client_directory.schedules;
        delete from client_directory.jobs;
        """)
      try await before().enqueueDue()
      try await harness.database.migrate("0003_invitation_jobs", from: "CREATE TABLE")
      try await harness.database.sql(
        """
        insert into client_directory.invitation_jobs (organization_id, job_id, client_id, account_id,
          email, language, organization_name)
        select organization_id, gen_random_uuid(), client_id, account_id, invitation_email, language,
          'Cabinet' from client_directory.clients
        """)
      try await harness.database.migrate("0018_invitation_jobs_gone")
      try await before().enqueueDue()
      let kinds = try await harness.database.sql("select kind from client_directory.jobs")
      #expect(kinds == [["invitation"]])
      try await harness.invite()
      #expect(harness.identity.sendings(of: client.clientID) == 1)
    }
  }

  @Test("every bad field is named at once")
  func fields() async throws {
    try await withDirectory { harness in
      let employee = harness.staff(.employee, of: harness.organization())
      let refused = await refusal {
        try await harness.create(by: employee) {
          $0.givenName = ""
          $0.familyName = String(repeating: "x", count: 101)
          $0.language = "tlh"
          $0.assigneeID = "me"
          $0.mobilePhone = "112"
          $0.labels = [String(repeating: "l", count: 51)]
          $0.address = PostalAddress(country: "Belgium")
        }
      }
      #expect(refused?.reason == "FIELDS_INVALID")
      let named = Set(refused?.violations.map(\.field) ?? [])
      #expect(
        named.isSuperset(of: [
          "given_name", "family_name", "language", "assignee_id", "mobile_phone", "labels[0]",
          "address.country",
        ]))
    }
  }
}
