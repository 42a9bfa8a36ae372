import CommonAPI
import Foundation
import GRPC
import IdentityAPI
import OrganizationAPI
import ServiceKit
import ServiceStorage
import TestKit
import Testing

@testable import OrganizationCore

@Suite struct CreateOrganizationTests {
  @Test("opens an organisation with a branch and an administrator", arguments: Depth.allCases)
  func opens(depth: Depth) async throws {
    try await withOrganization(depth) { harness in
      let (organization, _) = try await harness.open("Cabinet Dupont")
      #expect(organization.name == "Cabinet Dupont")
      #expect(organization.languages == ["fr", "nl-BE"])
      #expect(organization.policy?.invitationTrigger == .onCreate)
      #expect(organization.policy?.emailDisclosure == .full)
      #expect(organization.policy?.emailRequired == false)
      #expect(organization.policy?.branchIDs.count == 1)
      #expect(organization.administrator?.profile == .superAdmin)
      #expect(organization.administrator?.state == .invited)
      #expect(try await harness.database.count("branches") == 1)
      #expect(try await harness.database.count("events") == 2)
      #expect(try await harness.database.count("jobs") == 1)
    }
  }

  @Test("the administrator gets a membership and then an invitation, once")
  func onboards() async throws {
    try await withOrganization { harness in
      let (organization, _) = try await harness.open()
      try await harness.onboard()
      try await harness.onboard()
      let membership = try #require(harness.identity.memberships.first)
      #expect(harness.identity.memberships.count == 1)
      #expect(membership.hat == .staff)
      #expect(membership.permissions == PermissionPresets.permissions(of: .superAdmin))
      #expect(membership.organizationName == organization.name)
      #expect(membership.recordID == organization.administrator?.employeeID)
      let invitation = try #require(harness.identity.invitations.first)
      #expect(harness.identity.invitations.count == 1)
      #expect(invitation.purpose == .joinStaff)
      #expect(invitation.email == "ada@example.org")
      #expect(invitation.language == "fr")
      #expect(try await harness.database.count("jobs") == 0)
    }
  }

  @Test("a job waits out an outage of identity and is done afterwards")
  func outage() async throws {
    try await withOrganization { harness in
      _ = try await harness.open()
      harness.identity.fail(with: RPCError(.unavailable, "away"))
      try await harness.onboard()
      #expect(try await harness.database.count("jobs") == 1)
      harness.identity.fail(with: nil)
      try await harness.database.sql("update organization.jobs set run_at = now()")
      try await harness.onboard()
      #expect(harness.identity.invitations.count == 1)
      #expect(try await harness.database.count("jobs") == 0)
    }
  }

  @Test(
    "each attempt asks for the permissions of when the job was made; jobs without any, for today's")
  func permissions() async throws {
    try await withOrganization { harness in
      /// Changes the payload of the job there is, as another build would have made it.
      func rewrite(_ change: String) async throws {
        try await harness.database.sql(
          """
          update organization.jobs
          set payload = convert_to((convert_from(payload, 'UTF8')::jsonb \(change))::text, 'UTF8')
          """)
      }
      let today = PermissionPresets.permissions(of: .superAdmin)
      _ = try await harness.open()
      try await rewrite("|| '{\"permissions\": [\"clients.foresee\"]}'")
      try await harness.onboard()
      #expect(harness.identity.memberships.map(\.permissions) == [["clients.foresee"]])
      _ = try await harness.open(email: "bo@example.org")
      try await rewrite("- 'permissions'")
      try await harness.onboard()
      let asked = harness.identity.memberships.map(\.permissions)
      #expect(asked.count == 2 && asked.contains(today))
      #expect(try await harness.database.count("jobs") == 0)
    }
  }

  @Test("what identity refuses for good is set aside, not tried for ever")
  func parks() async throws {
    try await withOrganization { harness in
      _ = try await harness.open()
      harness.identity.fail(with: RPCError(.invalidArgument, reason: "FIELDS_INVALID", "no"))
      try await harness.onboard()
      let parked = try await harness.database.sql(
        "select 1 from organization.dead_jobs")
      #expect(parked.count == 1)
    }
  }

  @Test("a job that code without jobs left moves")
  func moved() async throws {
    try await withOrganization { harness in
      _ = try await harness.open()
      try await harness.database.sql("delete from organization.jobs")
      try await harness.database.migrate("0003_employees", from: "CREATE TABLE employee_jobs")
      try await harness.database.sql(
        """
        insert into organization.employee_jobs (organization_id, job_id, employee_id, account_id,
          email, language, organization_name, profile, branch_ids)
        select organization_id, gen_random_uuid(), employee_id, account_id, email, 'fr', 'Cabinet',
          profile, '{}' from organization.employees
        """)
      try await harness.database.migrate("0011_employee_jobs_gone")
      try await harness.onboard()
      #expect(harness.identity.invitations.first?.email == "ada@example.org")
      #expect(harness.identity.memberships.first?.profile == .superAdmin)
      #expect(try await harness.database.count("jobs") == 0)
    }
  }

  @Test("a repeat answers as the first did and makes nothing", arguments: Depth.allCases)
  func repeats(depth: Depth) async throws {
    try await withOrganization(depth) { harness in
      let request = CreateOrganizationRequest.sample()
      let first = try await harness.api.createOrganization(request)
      let second = try await harness.api.createOrganization(request)
      #expect(first == second)
      #expect(try await harness.database.count("organizations") == 1)
      #expect(try await harness.database.count("events") == 2)
      #expect(harness.identity.accountCount == 1)
    }
  }

  @Test(
    "an address that is taken is refused by its own reason",
    arguments: ["EMAIL_ON_PLATFORM", "EMAIL_PROFESSIONAL"])
  func taken(reason: String) async throws {
    try await withOrganization { harness in
      harness.identity.take("ada@example.org", reason)
      let refusal = await #expect(throws: RPCError.self) { try await harness.open() }
      #expect(refusal?.code == .alreadyExists)
      #expect(refusal?.reason == reason)
      #expect(refusal?.resolutions.first?.rpc.hasSuffix("/CreateOrganization") == true)
      let organizations = try await harness.database.count("organizations")
      #expect(organizations == 0)
    }
  }

  @Test("every bad field is named at once")
  func fields() async throws {
    try await withOrganization { harness in
      let refusal = await #expect(throws: RPCError.self) {
        try await harness.open("") {
          $0.country = "Belgium"
          $0.languages = ["xx"]
          $0.timeZone = "Nowhere/At_All"
        }
      }
      #expect(refusal?.reason == "FIELDS_INVALID")
      let named = Set(refusal?.violations.map(\.field) ?? [])
      #expect(named.isSuperset(of: ["name", "country", "languages[0]", "time_zone"]))
      let email = await #expect(throws: RPCError.self) { try await harness.open(email: "no") }
      #expect(email?.reason == "EMAIL_INVALID")
      #expect(email?.resolutions.first?.rpc.hasSuffix("/CreateOrganization") == true)
      let request = await #expect(throws: RPCError.self) {
        try await harness.open { $0.requestID = "" }
      }
      #expect(request?.violations.map(\.field) == ["request_id"])
    }
  }

  @Test("nobody but the operator opens organisations", arguments: [Depth.inProcess, .http2])
  func operatorOnly(depth: Depth) async throws {
    try await withOrganization(depth, as: "gateway") { harness in
      let refusal = await #expect(throws: RPCError.self) { try await harness.open() }
      #expect(refusal?.reason == "PEER_NOT_ALLOWED")
    }
  }
}
