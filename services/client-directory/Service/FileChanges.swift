import ClientDirectoryAPI
import Foundation
import GRPC
import Protobuf
import ServiceKit

extension ClientDirectoryService {
  /// How often a change is tried again when somebody else changed the same file at that moment.
  static let attemptsMax = 3

  /// Reads a file the caller may see. Throws NOT_FOUND/CLIENT_NOT_FOUND.
  func file(_ client: UUID, in call: CallContext) async throws -> ClientRow {
    let caller = try call.caller()
    guard
      let row = try await storage.clients.find(
        client, of: try call.organization(), deadline: call.deadline),
      Visibility(caller).sees(row)
    else { throw ClientDirectoryError.clientNotFound }
    return row
  }

  /// Changes a file the caller may see, and stores it with its news; reads and tries again when
  /// somebody was faster, unless the caller named an etag. A repeat gets its first answer before
  /// anything else, since it would find its own effect in the way.
  ///
  /// - Parameters:
  ///   - act: what goes on record.
  ///   - answer: makes the answer from the file as stored.
  ///   - change: changes the file and names what that brings with it, or answers nil to leave it as
  ///     it is. Runs again for each attempt, so its remote calls carry request ids derived from the
  ///     intent.
  func changing<Answer: Message>(
    _ client: UUID, etag: String = "", as act: ClientAct, for intent: Intent,
    in call: CallContext, answer: (Client) -> Answer,
    _ change: (inout ClientRow) async throws -> [ClientEffect]?
  ) async throws -> Answer {
    try await storage.clients.once(intent) {
      try await tried(client, etag: etag, as: act, for: intent, in: call, answer: answer, change)
    }
  }

  private func tried<Answer: Message>(
    _ client: UUID, etag: String, as act: ClientAct, for intent: Intent, in call: CallContext,
    answer: (Client) -> Answer, _ change: (inout ClientRow) async throws -> [ClientEffect]?
  ) async throws -> Answer {
    var attempt = 1
    while true {
      var row = try await file(client, in: call)
      guard etag.isEmpty || etag == "\(row.version)" else { throw ClientDirectoryError.staleETag }
      guard let effects = try await change(&row) else {
        return try await storage.clients.remember(
          answer(Client(row)), of: row, as: act, for: intent)
      }
      row.touch(at: clock.now())
      do {
        return try await storage.clients.update(
          row, effects, as: act, answer: answer, for: intent)
      } catch ClientDirectoryError.staleETag where etag.isEmpty && attempt < Self.attemptsMax {
        attempt += 1
      } catch is EmailTakenInOrganization where attempt < Self.attemptsMax {
        // The next attempt finds who has it, and refuses in the words of the rpc.
        attempt += 1
      }
    }
  }
}

extension ClientRow {
  /// Writes a claimed address into the file, and answers what that brings with it.
  ///
  /// - Parameter point: the contact point it becomes; `isNew` unless the file has it already.
  mutating func apply(
    _ claim: EmailClaim, to point: ContactPointRow, isNew: Bool
  ) -> [ClientEffect] {
    var effects: [ClientEffect] = []
    var point = point
    point.rank = claim.rank
    if claim.rank == .primary {
      effects.append(.demote(.email))
      demotePrimary(.email)
      emailSignsIn = claim.emailSignsIn
    }
    if isNew {
      effects.append(.insert(point))
    } else if claim.rank == .primary {
      effects.append(.promote(point))
    }
    put(point)
    if claim.rank == .primary || accountID == nil || invitationEmail.isEmpty {
      // What was sent, or was about to be, went to another address.
      accessState = .invitable
      invitationEmail = claim.email.raw
      effects.append(.dropInvitationJob)
    }
    accountID = claim.account.id
    username = claim.account.username
    return effects
  }
}
