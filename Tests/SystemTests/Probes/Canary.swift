import Foundation
import TestKit
import Testing

/// An organisation whose data carries a word that no other has.
struct Canary: Sendable {
  let identifier: String
  let word = "canary" + UUID().uuidString.lowercased().filter { $0 != "-" }.prefix(12)
  let practice: Practice
  var email: String { "\(word)@clients.example" }

  init(_ stack: Stack, _ identifier: String) async throws {
    self.identifier = identifier
    practice = try await Practice.signedIn(stack, as: identifier)
    let client = try await practice.createClient(email: email, family: "Family \(word)")
    let id = client["clientId"] as? String ?? ""
    _ = try await practice.console.persistently(
      "POST", "\(practice.path)/branches", ["name": "Branch \(word)"], key: UUID())
    _ = try await practice.console.persistently(
      "POST", "\(practice.path)/clients/\(id)/contactPoints",
      [
        "kind": "CONTACT_KIND_EMAIL", "rank": "CONTACT_RANK_SECONDARY",
        "value": "second.\(word)@clients.example",
      ], key: UUID())
    _ = try await practice.console.persistently(
      "POST", "\(practice.path)/employees",
      [
        "givenName": "Eva", "familyName": "Staff \(word)", "email": "staff.\(word)@demo.example",
        "profile": "PROFILE_MANAGER", "branchIds": try await practice.firstBranch(),
      ], key: UUID())
    let email = email
    try await wait("the mail to \(email) is there", within: .seconds(40)) {
      !stack.mails(to: email).isEmpty
    }
  }

  /// The words of an organisation stand in no log, and in no mail to another's people.
  static func check(_ stack: Stack, _ one: Canary, _ other: Canary) throws {
    for (name, data) in try stack.logs() {
      for canary in [one, other] where data.firstRange(of: Data(canary.word.utf8)) != nil {
        Issue.record("the log \(name) tells of the data of \(canary.identifier)")
      }
    }
    for (canary, foreign) in [(one, other), (other, one)] {
      let mails = stack.mails(to: canary.email)
      #expect(!mails.isEmpty)
      #expect(!mails.contains { $0.contains(foreign.word) })
    }
  }
}
