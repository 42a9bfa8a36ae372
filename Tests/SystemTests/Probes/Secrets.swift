import Foundation
import Synchronization
import TestKit
import Testing

/// What only people know, used once as people use it, and then searched for in all that a run
/// leaves behind: the database, the logs, the mails.
final class Secrets: Sendable {
  /// Secrets by what they are. A mail may hold only what it was sent for.
  private let known = Mutex<[(what: String, text: String, mayBeMailed: Bool)]>([])
  private let password = "canary battery \(Secrets.letters())"
  private let later = "canary staple \(Secrets.letters())"

  private let numbers = SecretNumbers()

  /// At random; among the digits of one id in a hundred too many follow their neighbour, which makes a
  /// password too easily guessed.
  private static func letters() -> String {
    String((0..<20).compactMap { _ in "abcdefghijklmnopqrstuvwxyz".randomElement() })
  }

  /// Keeps register numbers of a client, and reads them.
  func useNumbers(_ practice: Practice) async throws { try await numbers.use(practice) }

  /// Accepts an invitation, signs in, changes the password, signs in again, fails to.
  func use(_ stack: Stack, mailedTo email: String) async throws {
    let token = try #require(stack.mails(to: email).first.flatMap(Letter.token))
    let anybody = Console(url: stack.url)
    _ = try await anybody.persistently(
      "POST", "/v1/invitations:accept", ["token": token, "password": password], key: UUID())
    var holder = anybody
    let session = try await anybody.persistently(
      "POST", "/v1/sessions", ["identifier": email, "password": password])
    let first = try #require(session["sessionToken"] as? String)
    holder.token = first
    _ = try await holder.persistently(
      "POST", "/v1/accounts/me:changePassword",
      ["currentPassword": password, "newPassword": later], key: UUID())
    let again = try await anybody.persistently(
      "POST", "/v1/sessions", ["identifier": email, "password": later])
    let second = try #require(again["sessionToken"] as? String)
    let wrong = "canary guess \(UUID().uuidString)"
    _ = try? await anybody.persistently(
      "POST", "/v1/sessions", ["identifier": email, "password": wrong])
    known.withLock {
      $0 = [
        ("a password", password, false), ("a changed password", later, false),
        ("a wrong password", wrong, false), ("a session token", first, false),
        ("a second session token", second, false), ("an invitation token", token, true),
      ]
    }
  }

  /// Searches everything the stack keeps.
  func check(_ stack: Stack) async throws {
    var places = try stack.logs().map { (name: "the log \($0.name)", data: $0.data, isMail: false) }
    places.append((name: "the database", data: try await stack.dump(), isMail: false))
    let mails = try FileManager.default.contentsOfDirectory(atPath: stack.outbox.path)
    for name in mails {
      let data = FileManager.default.contents(atPath: stack.outbox.appending(path: name).path)
      places.append((name: "the mail \(name)", data: data ?? Data(), isMail: true))
    }
    let secrets =
      known.withLock { $0 } + numbers.spellings.map { ($0.what, $0.text, mayBeMailed: false) }
    #expect(secrets.count == 14)
    // The search finds what is there.
    #expect(places.contains { Self.finds("Dubois", in: $0.data) })
    #expect(places.contains { $0.isMail && Self.finds("invitation", in: $0.data) })
    for place in places {
      for secret in secrets where !(place.isMail && secret.mayBeMailed) {
        if Self.finds(secret.text, in: place.data) {
          Issue.record("\(place.name) holds \(secret.what)")
        }
      }
    }
  }

  /// As it is, in hexadecimal as a dump shows bytes, and in base64.
  private static func finds(_ text: String, in data: Data) -> Bool {
    let bytes = Data(text.utf8)
    let hexadecimal = bytes.map { String(format: "%02x", $0) }.joined()
    return [bytes, Data(hexadecimal.utf8), bytes.base64EncodedData()].contains {
      data.firstRange(of: $0) != nil
    }
  }
}

extension Stack {
  /// Every log, PostgreSQL's among them.
  nonisolated func logs() throws -> [(name: String, data: Data)] {
    let folder = directory.appending(path: "logs")
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    #expect(names.count >= 9)
    let files =
      names.map { folder.appending(path: $0) }
      + [directory.appending(path: "dev.log"), directory.appending(path: "postgres/postgres.log")]
    return try files.map { ($0.lastPathComponent, try Data(contentsOf: $0)) }
  }

  /// Everything in the database as `pg_dump` writes it.
  nonisolated func dump() async throws -> Data {
    let host = try await Script.run(
      "scripts/postgres.sh", ["host", directory.appending(path: "postgres").path])
    let file = directory.appending(path: "dump.sql")
    let said = try await Program.run(
      "/usr/bin/pg_dump",
      [
        "--file", file.path, "--dbname",
        "host=\(host.trimmingCharacters(in: .whitespacesAndNewlines)) dbname=clientele user=postgres",
      ])
    guard said.status == 0 else { throw Failure(description: said.output) }
    return try Data(contentsOf: file)
  }
}
