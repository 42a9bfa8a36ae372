import ClientDirectoryAPI
import CommonAPI
import Foundation
import GRPC
import OrganizationAPI
import ServiceKit
import TestKit
import Testing

@testable import ClientDirectoryCore

@Suite struct CheckClientEmailTests {
  private func check(
    _ harness: DirectoryHarness, _ email: String, by caller: Caller
  ) async throws -> CheckClientEmailResponse {
    try await harness.api.checkClientEmail(
      CheckClientEmailRequest(organizationID: caller.organization, email: email),
      options: caller.options)
  }

  @Test("the outcomes of B36 and B11, in order", arguments: Depth.allCases)
  func outcomes(depth: Depth) async throws {
    try await withDirectory(depth) { harness in
      let organization = harness.organization()
      let employee = harness.staff(.employee, of: organization)
      let client = try await harness.create(by: employee, email: "julie@example.org")
      for (email, reason) in [
        ("julie@example.org", "EMAIL_ON_PLATFORM"), ("on@example.org", "EMAIL_ON_PLATFORM"),
        ("pro@example.org", "EMAIL_PROFESSIONAL"),
      ] { harness.identity.take(email, reason) }
      let calls = harness.identity.calls
      #expect(try await check(harness, "no", by: employee).disposition == .invalid)
      let here = try await check(harness, "JULIE@example.org", by: employee)
      #expect(here.disposition == .inThisOrg)
      #expect(here.clientID == client.clientID)
      #expect(harness.identity.calls == calls)
      let on = try await check(harness, "on@example.org", by: employee)
      #expect(on.disposition == .onPlatform)
      #expect(on.clientID.isEmpty)
      #expect(on.resolutions == [.usernameOnly])
      #expect(
        try await check(harness, "pro@example.org", by: employee).disposition == .professional)
      #expect(try await check(harness, "new@example.org", by: employee).disposition == .available)
      let colleague = harness.staff(.employee, of: organization)
      #expect(try await check(harness, "julie@example.org", by: colleague).clientID.isEmpty)
      let stranger = harness.staff(.superAdmin, of: harness.organization())
      #expect(
        try await check(harness, "julie@example.org", by: stranger).disposition == .onPlatform)
    }
  }

  @Test("a blind organisation learns nothing of the platform")
  func blind() async throws {
    try await withDirectory { harness in
      let employee = harness.staff(
        .employee, of: harness.organization { $0.emailDisclosure = .blind })
      harness.identity.take("pro@example.org", "EMAIL_PROFESSIONAL")
      let answer = try await check(harness, "pro@example.org", by: employee)
      #expect(answer == CheckClientEmailResponse(disposition: .available))
    }
  }

  @Test(
    "identity's quota reaches the caller, and readers may not ask",
    arguments: [Depth.inProcess, .http2])
  func quota(depth: Depth) async throws {
    try await withDirectory(depth) { harness in
      let organization = harness.organization()
      let employee = harness.staff(.employee, of: organization)
      harness.identity.fail(with: RPCError(.resourceExhausted, reason: "QUOTA", "enough"))
      let refused = await refusal { try await check(harness, "a@example.org", by: employee) }
      #expect(refused?.reason == "QUOTA")
      let reader = harness.staff(.readOnly, of: organization)
      let denied = await refusal { try await check(harness, "a@example.org", by: reader) }
      #expect(denied?.reason == "NOT_PERMITTED")
    }
  }
}
