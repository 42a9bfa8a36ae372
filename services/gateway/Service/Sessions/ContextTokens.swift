import CommonAPI
import Foundation
import GRPC
import IdentityAPI
import Protobuf
import ServiceKit
import Synchronization

/// Something that ends context tokens before their time.
enum Revocation: Sendable, Hashable {
  /// A session of an account ended, or all of them when none is named.
  case session(account: String, session: String?)
  /// What an account may do in an organisation changed.
  case membership(account: String, organization: String)
}

/// Context tokens by session and organisation, kept until shortly before they expire.
///
/// A revocation drops them. While the feed of revocations is silent for too long, none is used:
/// each call then asks identity, so that a revocation bites all the same.
final class ContextTokens: Sendable {
  /// Asks identity for a token.
  typealias Issue =
    @Sendable (IssueContextTokenRequest, Deadline, Metadata) async throws ->
    IssueContextTokenResponse

  /// How long before its end a token is renewed: it must outlive the call it is sent with.
  static let margin: TimeInterval = 10
  /// How long the feed may be silent.
  static let silenceMax = Duration.seconds(5)
  /// Revocations remembered for tokens that are being issued meanwhile.
  private static let recentMax = 1_000

  private struct Key: Hashable, Sendable {
    let session: String
    let organization: String
  }

  private struct Entry: Sendable {
    let token: [UInt8]
    let expires: Date
    let account: String
    let session: String
  }

  private struct State: Sendable {
    var entries: LeastRecentlyUsed<Key, Entry>
    var recent: [Revocation] = []
    /// Revocations ever applied; `recent` holds the last of them.
    var applied = 0
    var heard: ContinuousClock.Instant?
  }

  private let issue: Issue
  private let clock: ServiceClock
  private let now: @Sendable () -> ContinuousClock.Instant
  private let state: Mutex<State>

  /// - Parameter capacity: tokens kept.
  init(
    capacity: Int = 10_000, clock: ServiceClock = .system,
    now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }, issue: @escaping Issue
  ) {
    self.issue = issue
    self.clock = clock
    self.now = now
    state = Mutex(State(entries: LeastRecentlyUsed(capacity: capacity)))
  }

  /// A token for a session in an organisation, or in none when it is empty. Throws what identity
  /// refuses with.
  func token(
    for credential: Credential, organization: String, deadline: Deadline, metadata: Metadata
  ) async throws -> [UInt8] {
    let key = Key(session: credential.digest, organization: organization.lowercased())
    if let token = known(key) { return token }
    // Before the feed was heard for the first time, a revocation may have come and gone unseen.
    let before = state.withLock { $0.heard == nil ? nil : $0.applied }
    let answer = try await issue(
      IssueContextTokenRequest(sessionToken: credential.token, organizationID: organization),
      deadline, metadata)
    if let before { keep(answer, key, since: before) }
    return answer.contextToken
  }

  /// Forgets the tokens of a session: it was just signed out, or a service refused its token.
  func forget(_ credential: Credential) {
    let digest = credential.digest
    state.withLock { $0.entries.removeAll { key, _ in key.session == digest } }
  }

  // MARK: The feed

  /// The feed answered, with these revocations.
  func heard(_ revocations: [Revocation]) {
    let now = now()
    state.withLock { state in
      state.heard = now
      guard !revocations.isEmpty else { return }
      state.entries.removeAll { key, entry in
        revocations.contains {
          $0.ends(account: entry.account, session: entry.session, organization: key.organization)
        }
      }
      state.recent = (state.recent + revocations).suffix(Self.recentMax)
      state.applied += revocations.count
    }
  }

  /// Something was announced that could not be read: nothing is certain any more.
  func forgetAll() {
    state.withLock { state in
      state.entries.removeAll()
      state.recent = []
      state.applied += 1
    }
  }

  /// Tokens kept, for tests.
  var count: Int { state.withLock { $0.entries.count } }

  // MARK: Keeping

  private func known(_ key: Key) -> [UInt8]? {
    let moment = clock.now()
    let now = now()
    return state.withLock { state in
      guard let heard = state.heard, heard.duration(to: now) <= Self.silenceMax,
        let entry = state.entries[key]
      else { return nil }
      guard moment.addingTimeInterval(Self.margin) < entry.expires else {
        state.entries[key] = nil
        return nil
      }
      return entry.token
    }
  }

  /// Keeps a token unless a revocation that ends it came while it was on its way.
  private func keep(_ answer: IssueContextTokenResponse, _ key: Key, since before: Int) {
    guard let expires = answer.expireTime,
      let token = try? ContextToken(serialized: answer.contextToken),
      let claims = try? ContextClaims(serialized: token.claims)
    else { return }
    let entry = Entry(
      token: answer.contextToken,
      expires: Date(timeIntervalSince1970: TimeInterval(expires.seconds)),
      account: claims.accountID.lowercased(), session: claims.sessionID.lowercased())
    state.withLock { state in
      let missed = state.applied - before
      guard missed <= state.recent.count else { return }
      let isOver = state.recent.suffix(missed).contains {
        $0.ends(account: entry.account, session: entry.session, organization: key.organization)
      }
      if !isOver { state.entries[key] = entry }
    }
  }
}

extension Revocation {
  /// True when a token of that session in that organisation must not be used any more.
  func ends(account: String, session: String, organization: String) -> Bool {
    switch self {
    case .session(let whose, let which): whose == account && (which == nil || which == session)
    case .membership(let whose, let place): whose == account && place == organization
    }
  }
}
