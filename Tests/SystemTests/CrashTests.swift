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
    "messaging.send.after-handover", "messaging.send.after-commit",
    "identity.accept.after-commit",
  ]

  @Test("one client, one invitation, one mail, one sign-in, wherever a service dies")
  func everywhere() async throws {
    let stack = try Stack()
    do {
      // The demo is loaded undisturbed.
      try await stack.start(demo: true)
      try await stack.stop()
      for (number, point) in Self.points.enumerated() {
        let marker = stack.directory.appending(path: "crash-\(number)")
        try await stack.start(
          demo: false,
          environment: [
            "CLIENTELE_CRASH_AT": point, "CLIENTELE_CRASH_MARKER": marker.path,
            "CLIENTELE_MAIL_LEASE_SECONDS": "2",
          ])
        try await Journey(stack: stack, number: number).run()
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

  @Test("a service killed again and again while clients are created loses nothing")
  func repeatedly() async throws {
    try await withStack(environment: ["CLIENTELE_MAIL_LEASE_SECONDS": "2"]) { stack in
      let practice = try await Practice.signedIn(stack)
      let services = ["identity", "client-directory", "messaging", "organization", "gateway"]
      for (number, service) in services.enumerated() {
        let email = "kill\(number)@clients.example"
        async let created = practice.createClient(email: email, family: "Kill\(number)")
        try await Task.sleep(for: .milliseconds(30))
        try await stack.crash(service)
        _ = try await created
        try await wait("the mail to \(email) is there", within: .seconds(40)) {
          !stack.mails(to: email).isEmpty
        }
      }
      for number in services.indices {
        #expect(stack.mails(to: "kill\(number)@clients.example").count == 1)
      }
    }
  }
}

/// Create, invite, mail, accept, sign in; every call repeated under its own key until it is answered.
private struct Journey {
  let stack: Stack
  let number: Int

  private var email: String { "crash\(number)@clients.example" }
  private var family: String { "Crash\(number)" }

  func run() async throws {
    let practice = try await Practice.signedIn(stack)
    let client = try await practice.createClient(email: email, family: family)
    let clientID = try #require(client["clientId"] as? String)
    try await wait("the mail to \(email) is there", within: .seconds(40)) {
      !stack.mails(to: email).isEmpty
    }
    let token = try #require(Letter.token(stack.mails(to: email)[0]))
    let anybody = Console(url: stack.url)
    let password = "correct horse battery \(number)"
    let key = UUID()
    _ = try await anybody.persistently(
      "POST", "/v1/invitations:accept", ["token": token, "password": password], key: key)
    _ = try await anybody.persistently(
      "POST", "/v1/sessions", ["identifier": email, "password": password])
    try await wait("client \(clientID) is active", within: .seconds(30)) {
      let seen = try await practice.console.persistently(
        "GET", "\(practice.path)/clients/\(clientID)")
      return seen["accessState"] as? String == "ACCESS_STATE_ACTIVE"
    }
    try await wait("the message is noted as sent", within: .seconds(30)) {
      try await stack.sql("select state from messaging.messages where recipient = '\(email)'")
        == ["SENT"]
    }
    try await checkOnce(practice, clientID)
  }

  /// One of everything.
  private func checkOnce(_ practice: Practice, _ clientID: String) async throws {
    #expect(stack.mails(to: email).count == 1)
    let invitations = try await stack.sql(
      "select state from identity.invitations where email = '\(email)'")
    #expect(invitations == ["ACCEPTED"])
    let clients = try await stack.sql(
      "select count(*) from client_directory.clients where family_name = '\(family)'")
    #expect(clients == ["1"])
    let accounts = try await stack.sql(
      "select count(*) from identity.login_identifiers where normalized = '\(email)'")
    #expect(accounts == ["1"])
    let page = try await practice.console.persistently(
      "GET", "\(practice.path)/messages?recordId=\(clientID)")
    #expect((page["messages"] as? [Any])?.count == 1)
  }
}
