import Foundation
import TestKit
import Testing

/// kill -9 at every named place between creating a client and the client's first sign-in, and the
/// service started again: nothing is lost, nothing happens twice.
@Suite(.serialized, .timeLimit(.minutes(10))) struct CrashTests {
  /// In the order of the path.
  static let points = [
    "client-directory.create-client.after-account", "client-directory.create-client.after-commit",
    "identity.create-invitation.after-commit", "client-directory.invite.after-call",
    "messaging.invitation.before-apply", "messaging.send.after-claim",
    "messaging.send.after-handover", "jobs.settle.after-commit",
    "identity.accept.after-commit",
  ]

  static let staffPoints = [
    "organization.create-employee.after-account", "organization.create-employee.after-commit",
    "organization.invite.after-membership", "organization.invite.after-call",
  ]

  @Test("one client, one invitation, one mail, one sign-in, wherever a service dies")
  func clients() async throws {
    try await everywhere(Self.points) { stack, number in
      try await Journey(stack: stack, number: number).run()
    }
  }

  @Test("one employee, one invitation, one mail, one sign-in, wherever a service dies")
  func staff() async throws {
    try await everywhere(Self.staffPoints) { stack, number in
      try await StaffJourney(stack: stack, number: number).run()
    }
  }

  @Test("a second sending is one mail more, and the first link no longer opens")
  func resend() async throws {
    try await everywhere(["identity.resend-invitation.after-commit"]) { stack, _ in
      try await resendJourney(stack)
    }
  }

  /// Starts the stack once for each place, has a service die there, and does the journey meanwhile.
  private func everywhere(
    _ points: [String], _ journey: (Stack, Int) async throws -> Void
  ) async throws {
    let stack = try Stack()
    do {
      // The demo is loaded undisturbed.
      try await stack.start(demo: true)
      try await stack.stop()
      for (number, point) in points.enumerated() {
        let marker = stack.directory.appending(path: "crash-\(number)")
        try await stack.start(
          demo: false,
          environment: [
            "CLIENTELE_CRASH_AT": point, "CLIENTELE_CRASH_MARKER": marker.path,
            "CLIENTELE_MAIL_LEASE_SECONDS": "2", "CLIENTELE_RESEND_INTERVAL_SECONDS": "0",
          ])
        try await journey(stack, number)
        #expect(
          FileManager.default.fileExists(atPath: marker.path), "nothing died at \(point)")
        try await stack.stop()
      }
    } catch {
      try? await stack.stop()
      throw error
    }
    try await stack.remove()
  }
}
