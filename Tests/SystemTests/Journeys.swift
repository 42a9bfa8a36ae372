import Foundation
import Testing

/// Create, invite, mail, accept, sign in; every call repeated under its own key until it is answered.
struct Journey {
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

/// The same for an employee.
struct StaffJourney {
  let stack: Stack
  let number: Int

  private var email: String { "staff\(number)@demo.example" }

  func run() async throws {
    let practice = try await Practice.signedIn(stack)
    _ = try await practice.console.persistently(
      "POST", "\(practice.path)/employees",
      [
        "givenName": "Eva", "familyName": "Staff\(number)", "email": email,
        "profile": "PROFILE_MANAGER", "branchIds": try await practice.firstBranch(),
      ], key: UUID())
    try await wait("the mail to \(email) is there", within: .seconds(40)) {
      !stack.mails(to: email).isEmpty
    }
    let token = try #require(Letter.token(stack.mails(to: email)[0]))
    let password = "correct horse battery \(number)"
    _ = try await Console(url: stack.url).persistently(
      "POST", "/v1/invitations:accept", ["token": token, "password": password], key: UUID())
    let colleague = try await Practice.signedIn(stack, as: email, password: password)
    #expect(colleague.organization == practice.organization)
    #expect(stack.mails(to: email).count == 1)
    for (query, expected) in [
      ("select count(*) from organization.employees where email = '\(email)'", "1"),
      ("select state from identity.invitations where email = '\(email)'", "ACCEPTED"),
      ("select count(*) from identity.login_identifiers where normalized = '\(email)'", "1"),
      ("select count(*) from messaging.messages where recipient = '\(email)'", "1"),
    ] {
      #expect(try await stack.sql(query) == [expected], "\(query)")
    }
  }
}

/// Invites a client twice.
func resendJourney(_ stack: Stack) async throws {
  let email = "resent@clients.example"
  let practice = try await Practice.signedIn(stack)
  let client = try await practice.createClient(email: email, family: "Resent")
  let id = try #require(client["clientId"] as? String)
  try await wait("the first mail is there", within: .seconds(40)) {
    !stack.mails(to: email).isEmpty
  }
  let first = try #require(Letter.token(stack.mails(to: email)[0]))
  _ = try await practice.console.persistently(
    "POST", "\(practice.path)/clients/\(id):resendInvitation", [:], key: UUID())
  try await wait("the second mail is there", within: .seconds(40)) {
    stack.mails(to: email).count > 1
  }
  let tokens = stack.mails(to: email).compactMap(Letter.token)
  let second = try #require(tokens.first { $0 != first })
  let anybody = Console(url: stack.url)
  do {
    _ = try await anybody.persistently("POST", "/v1/invitations:lookup", ["token": first])
    Issue.record("the first link still opens")
  } catch let refusal as Console.Refusal {
    #expect(refusal.body.contains("INVITATION_SUPERSEDED"))
  }
  _ = try await anybody.persistently("POST", "/v1/invitations:lookup", ["token": second])
  #expect(stack.mails(to: email).count == 2)
}
