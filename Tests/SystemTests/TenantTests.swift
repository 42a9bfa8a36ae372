import Foundation
import Testing

/// One organisation never sees another's data, whichever public method it tries.
@Suite(.serialized, .timeLimit(.minutes(5))) struct TenantTests {
  @Test("a second organisation never sees the first one's, through every public method")
  func everyMethod() async throws {
    try await withStack { stack in
      let demo = try await Practice.signedIn(stack)
      let other = try await Practice.signedIn(stack, as: "admin@other.example")
      let own = try await other.createClient(email: "own@other.example", family: "Own")
      let target = try await TenantTarget.of(demo)
      let secrets = try await TenantTarget.secrets(of: demo)
      #expect(secrets.count >= 13)
      let ownClient = try #require(own["clientId"] as? String)
      let before = try await TenantTarget.file(target.client, of: demo)
      let operations = try await TenantOperation.all(other.console)
      // None is left out, and none is added without a look at this test.
      #expect(operations.count == 17)
      var compared = 0
      for operation in operations {
        let strange = TenantTarget.random()
        let named = operation.attempts(naming: target, ownClient)
        let unknown = operation.attempts(naming: strange, ownClient)
        for (attempt, twin) in zip(named, unknown) {
          let foreign = try await other.answer(to: attempt, in: demo.organization)
          #expect(foreign.status == 404, "\(attempt)")
          #expect(foreign.text.contains("\"ORGANIZATION_NOT_FOUND\""), "\(attempt) \(foreign)")
          let nobodys = try await other.answer(to: twin, in: UUID().uuidString.lowercased())
          #expect(foreign.without(target) == nobodys.without(strange), "\(attempt)")
          var answers = [foreign]
          if attempt.key != twin.key {
            let kept = try await other.answer(to: attempt, in: other.organization)
            let random = try await other.answer(to: twin, in: other.organization)
            #expect(kept.status == attempt.status, "\(attempt) \(kept)")
            #expect(kept.without(target) == random.without(strange), "\(attempt)")
            answers.append(kept)
            compared += 1
          } else if attempt.method == "GET" {
            answers.append(try await other.answer(to: attempt, in: other.organization))
            #expect(answers.last?.status == 200, "\(attempt)")
          }
          for answer in answers {
            for secret in secrets where answer.text.contains(secret) {
              Issue.record("\(attempt) tells \(secret): \(answer)")
            }
          }
        }
      }
      #expect(compared == 19)
      #expect(try await TenantTarget.file(target.client, of: demo) == before)
    }
  }
}

/// What calls may name.
private struct TenantTarget: Sendable {
  let client: String
  let contactPoint: String
  let employee: String
  let branch: String
  let message: String
  let email: String

  private var ids: [String] { [client, contactPoint, employee, branch, message, email] }

  /// Nobody's.
  static func random() -> TenantTarget {
    func id() -> String { UUID().uuidString.lowercased() }
    return TenantTarget(
      client: id(), contactPoint: id(), employee: id(), branch: id(), message: id(),
      email: "nobody.\(id())@clients.example")
  }

  /// A client of an organisation with an e-mail, the invitation sent there, and others.
  static func of(_ practice: Practice) async throws -> TenantTarget {
    let clients = try await practice.list("clients")
    let client = try #require(clients.first { $0["contactPoints"] != nil })
    let id = try #require(client["clientId"] as? String)
    let point = try #require((client["contactPoints"] as? [[String: Any]])?.first)
    try await wait("the client's invitation is sent", within: .seconds(30)) {
      try await practice.list("messages", "?recordId=\(id)").isEmpty == false
    }
    let message = try await practice.list("messages", "?recordId=\(id)").first
    let employee = try await practice.list("employees").first
    let branch = try await practice.list("branches").first
    return TenantTarget(
      client: id, contactPoint: try #require(point["contactPointId"] as? String),
      employee: try #require(employee?["employeeId"] as? String),
      branch: try #require(branch?["branchId"] as? String),
      message: try #require(message?["messageId"] as? String),
      email: try #require(point["value"] as? String))
  }

  /// The names and addresses of an organisation's clients.
  static func secrets(of practice: Practice) async throws -> Set<String> {
    Set(
      try await practice.list("clients").flatMap { client in
        let points = client["contactPoints"] as? [[String: Any]] ?? []
        return [client["givenName"], client["familyName"]].compactMap { $0 as? String }
          + points.compactMap { $0["value"] as? String }
      })
  }

  /// What must stay as it is.
  static func file(_ id: String, of practice: Practice) async throws -> String {
    let client = try await practice.console.persistently("GET", "\(practice.path)/clients/\(id)")
    let kept = client.filter {
      ["givenName", "familyName", "branchId", "contactPoints"].contains($0.key)
    }
    #expect(kept.count == 4)
    let data = try JSONSerialization.data(withJSONObject: kept, options: [.sortedKeys])
    return String(decoding: data, as: UTF8.self)
  }

  func fill(_ path: String) -> String {
    [
      ("client_id", client), ("contact_point_id", contactPoint), ("employee_id", employee),
      ("message_id", message),
    ].reduce(path) { $0.replacing("{\($1.0)}", with: $1.1) }
  }

  /// Anonymised.
  func removed(from text: String) -> String { ids.reduce(text) { $0.replacing($1, with: "ID") } }
}

/// A call, in an organisation still to be named.
private struct TenantAttempt: CustomStringConvertible {
  let method: String
  let path: String
  var body: [String: any Sendable]?
  /// What it must be answered with when what it names is another organisation's.
  var status = 404

  /// Equal for equal calls.
  var key: String {
    let data = body.flatMap {
      try? JSONSerialization.data(withJSONObject: $0, options: [.sortedKeys])
    }
    return "\(method) \(path) \(String(decoding: data ?? Data(), as: UTF8.self))"
  }
  var description: String { key }
}

private struct TenantAnswer {
  let status: Int
  let text: String
  let organization: String

  /// What must be equal, whoever was named.
  func without(_ target: TenantTarget) -> String {
    "\(status) \(target.removed(from: text).replacing(organization, with: "ORGANIZATION"))"
  }
}

/// A public method whose path names an organisation.
private struct TenantOperation {
  let name: String
  let method: String
  let path: String
  let queries: [String]
  let takesBody: Bool

  /// All there are, as the gateway describes them.
  static func all(_ console: Console) async throws -> [TenantOperation] {
    let document = try await console.persistently("GET", "/openapi.json")
    let paths = try #require(document["paths"] as? [String: [String: [String: Any]]])
    return try paths.sorted { $0.key < $1.key }.filter { $0.key.contains("{organization_id}") }
      .flatMap { path, methods in
        try methods.sorted { $0.key < $1.key }.map { method, operation in
          let parameters = operation["parameters"] as? [[String: Any]] ?? []
          return TenantOperation(
            name: try #require(operation["operationId"] as? String), method: method.uppercased(),
            path: path,
            queries: parameters.filter { $0["in"] as? String == "query" }
              .compactMap { $0["name"] as? String },
            takesBody: operation["requestBody"] != nil)
        }
      }
  }

  /// Every way to name somebody in it: by its path, by its query, by its body.
  func attempts(naming target: TenantTarget, _ ownClient: String) -> [TenantAttempt] {
    var attempts: [TenantAttempt] = []
    let mixed = path.replacing("{client_id}", with: ownClient)
    for path in Set([path, mixed]).sorted().map(target.fill) {
      if takesBody {
        attempts += bodies(target).map {
          TenantAttempt(method: method, path: path, body: $0.0, status: $0.1)
        }
      } else {
        attempts.append(TenantAttempt(method: method, path: path))
      }
    }
    let filters = [
      "branchId": target.branch, "caseManagerId": target.employee,
      "stakeholderId": target.employee, "recordId": target.client,
    ]
    for query in queries {
      guard let id = filters[query] else { continue }
      attempts.append(
        TenantAttempt(method: method, path: "\(target.fill(path))?\(query)=\(id)", status: 200))
    }
    return attempts
  }

  /// Bodies that are taken when whom they name is there, and the answers' statuses when not.
  private func bodies(_ target: TenantTarget) -> [([String: any Sendable], Int)] {
    let client: [String: any Sendable] = [
      "noEmailConfirmed": true, "givenName": "Mallory", "familyName": "Tenant",
    ]
    switch name {
    case "OrganizationService_CreateBranch": return [(["name": "Tenant"], 200)]
    case "OrganizationService_CreateEmployee":
      let body: [String: any Sendable] = [
        "givenName": "Mallory", "familyName": "Tenant", "email": "mallory@other.example",
        "profile": "PROFILE_EMPLOYEE", "branchIds": [target.branch],
      ]
      return [(body, 404)]
    case "ClientDirectoryService_CreateClient":
      let references: [[String: any Sendable]] = [
        ["assigneeId": target.employee], ["branchId": target.branch],
        ["caseManager": ["employeeId": target.employee]],
      ]
      return references.map { (client.merging($0) { $1 }, 404) }
    case "ClientDirectoryService_CheckClientEmail": return [(["email": target.email], 200)]
    case "ClientDirectoryService_UpdateClient":
      return [
        (["client": ["givenName": "Mallory"], "updateMask": "givenName"], 404),
        (["client": ["branchId": target.branch], "updateMask": "branchId"], 404),
      ]
    case "ClientDirectoryService_AddContactPoint":
      let body = [
        "kind": "CONTACT_KIND_EMAIL", "rank": "CONTACT_RANK_SECONDARY",
        "value": "mallory@other.example",
      ]
      return [(body, 404)]
    case "ClientDirectoryService_SetPrimaryContactPoint", "ClientDirectoryService_ResendInvitation":
      return [([:], 404)]
    default:
      Issue.record("\(name) takes a body that this test does not know")
      return []
    }
  }
}

extension Practice {
  /// The first page of a list.
  fileprivate func list(_ name: String, _ query: String = "") async throws -> [[String: Any]] {
    let page = try await console.persistently("GET", "\(path)/\(name)\(query)")
    return page[name] as? [[String: Any]] ?? []
  }

  fileprivate func answer(
    to attempt: TenantAttempt, in organization: String
  ) async throws -> TenantAnswer {
    let path = attempt.path.replacing("{organization_id}", with: organization)
    do {
      let object = try await console.persistently(attempt.method, path, attempt.body)
      let data = try JSONSerialization.data(withJSONObject: object, options: [.sortedKeys])
      return TenantAnswer(
        status: 200, text: String(decoding: data, as: UTF8.self), organization: organization)
    } catch let refusal as Console.Refusal {
      return TenantAnswer(
        status: refusal.status, text: refusal.body, organization: organization)
    }
  }
}
