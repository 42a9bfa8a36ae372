import Foundation
import GRPC
import TestKit
import Testing

/// What identity keeps of a canary's client, who was invited.
struct Invited: Sendable {
  let organization: String
  let invitation: String
  let record: String
  let account: String
  /// Of the organisation's administrator.
  let session: String

  init(_ stack: Stack, _ canary: Canary) async throws {
    let rows = try await stack.sql(
      """
      select organization_id || ' ' || invitation_id || ' ' || record_id || ' ' || account_id
      from identity.invitations where email = '\(canary.email)' order by created_at limit 1
      """)
    let ids = rows.first?.split(separator: " ").map(String.init) ?? []
    try #require(ids.count == 4, "\(canary.email) is not invited")
    (organization, invitation, record, account) = (ids[0], ids[1], ids[2], ids[3])
    session = try #require(canary.practice.console.token)
  }
}

/// What services ask each other on nobody's behalf: the organisation is then the caller's word. Its
/// own ids beside another organisation's name, and another's ids beside its own name, are nobody's.
struct ServiceProbes {
  let prober: Prober
  let own: Invited
  let foreign: Invited

  /// A request that only its own organisation may make, and the fields that another's ids go into.
  private struct Probe {
    let method: String
    let request: [String: any Sendable]
    let fields: KeyValuePairs<String, String>
  }

  private var probes: [Probe] {
    [
      Probe(
        method: "IssueContextToken",
        request: ["sessionToken": own.session, "organizationId": own.organization],
        fields: ["organizationId": foreign.organization]),
      Probe(
        method: "MintInvitationLink",
        request: [
          "organizationId": own.organization, "invitationId": own.invitation, "sendCount": 1,
        ],
        fields: ["organizationId": foreign.organization, "invitationId": foreign.invitation]),
      Probe(
        method: "ResendInvitation",
        request: [
          "organizationId": own.organization, "recordId": own.record, "accountId": own.account,
        ],
        fields: [
          "organizationId": foreign.organization, "recordId": foreign.record,
          "accountId": foreign.account,
        ]),
    ]
  }

  /// - Returns: how many methods there are.
  func run() async throws -> Int {
    // CreateOrganization is the operator's, and takes no ids.
    let all = try ProbedMethod.ofAllServices(onBehalf: false).filter { $0.service == "identity" }
    let byName = Dictionary(all.map { ($0.name, $0) }) { first, _ in first }
    for probe in probes {
      let method = try #require(byName[probe.method])
      for (field, id) in probe.fields {
        try await prober.probe(
          method, probe.request, ProbedMethod.IDPath(keys: [field], isRepeated: false), id)
      }
    }
    for method in all { for path in method.idPaths { try await malform(method, path) } }
    let openers = [
      "IntrospectSession", "IssueContextToken", "LookupInvitation", "AcceptInvitation",
    ]
    for method in openers {
      try await forge(try #require(byName[method]))
    }
    try await moveLogin(try #require(byName["ReserveLoginEmail"]))
    return all.count { !$0.idPaths.isEmpty }
  }

  /// What is no id is said to be none, by the field's name.
  private func malform(_ method: ProbedMethod, _ path: ProbedMethod.IDPath) async throws {
    // Nothing may stand for no id at all.
    for id in Prober.malformed where !id.isEmpty {
      let base: [String: any Sendable] = ["sessionToken": own.session]
      let request = method.request(method.takesSession ? base : [:], with: id, at: path)
      let answer = try await prober.ask(method, request)
      prober.countOne()
      guard case .error(let error) = answer, error.code == .invalidArgument,
        error.violations.contains(where: { ProbedMethod.camel($0.field) == path.description })
      else {
        Issue.record("\(method.method.path) with \(path) '\(id)': \(answer)")
        continue
      }
    }
  }

  /// Credentials that nobody gave out are refused alike, whatever they look like.
  private func forge(_ method: ProbedMethod) async throws {
    let field = method.takesSession ? "sessionToken" : "token"
    let password = method.name == "AcceptInvitation" ? "probe with a long battery" : nil
    let made = [
      "", "x", String(own.session.dropLast()) + "!", String(own.session.reversed()),
      UUID().uuidString, String(repeating: "A", count: 2_000),
    ]
    var answers: Set<String> = []
    for token in made {
      var request = [field: token]
      request["password"] = password
      let answer = try await prober.ask(method, request)
      prober.countOne()
      if ![.unauthenticated, .notFound].contains(answer.code) {
        Issue.record("\(method.method.path) with '\(token)': \(answer)")
      }
      answers.insert(answer.text(without: []))
    }
    #expect(answers.count == 1, "\(method.method.path)")
  }

  /// An account is no organisation's, so whoever names it is told that it is there; the address it
  /// signs in with stays.
  private func moveLogin(_ method: ProbedMethod) async throws {
    for email in ["moved.\(UUID().uuidString.lowercased())@clients.example", ""] {
      let answer = try await prober.ask(
        method,
        [
          "organizationId": own.organization, "accountId": foreign.account, "loginEmail": email,
        ])
      prober.countOne()
      guard case .error(let error) = answer, error.reason == "LOGIN_EMAIL_OWNED_BY_HOLDER" else {
        Issue.record("\(method.method.path) moves another's login: \(answer)")
        continue
      }
    }
  }
}

extension ProbedMethod {
  /// Such as `GetAccount`.
  var name: String { method.path.split(separator: "/").last.map(String.init) ?? "" }
  /// Whether a session is what opens it.
  var takesSession: Bool { ["IntrospectSession", "IssueContextToken"].contains(name) }
}
