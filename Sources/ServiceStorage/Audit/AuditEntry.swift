import CommonAPI
public import Foundation
public import GRPC
import ServiceKit

/// One act, as the audit log keeps it: who did what to what, and when the database says.
///
/// It names people by their ids alone; what an entry says stays when a person is erased.
public struct AuditEntry: Sendable, Hashable {
  /// Whose act it is to know; nil for facts about a person.
  public var organization: UUID?
  /// Who did it.
  public var actor: AuditActor
  /// What was done: a stable name such as `client.create`, at most 100 characters.
  public var action: String
  /// What kind of thing it was done to, such as `client`.
  public var objectKind: String
  /// The thing; nil when there is none, as when an address is asked about.
  public var objectID: UUID?
  /// The caller's word for the intent, when there was one.
  public var requestID: UUID?
  /// What else an auditor needs: the names of changed fields, a count, a disposition. Never
  /// personal data, at most 4 KiB.
  public var detail: [String: String]

  /// Describes an act.
  public init(
    _ action: String, on objectKind: String, _ objectID: UUID?, in organization: UUID?,
    by actor: AuditActor, requestID: UUID? = nil, detail: [String: String] = [:]
  ) {
    self.organization = organization
    self.actor = actor
    self.action = action
    self.objectKind = objectKind
    self.objectID = objectID
    self.requestID = requestID
    self.detail = detail
  }
}

/// Who acts: a person through a service, or a service by itself.
public struct AuditActor: Sendable, Hashable {
  /// The person; nil when a service acts for nobody.
  public var account: UUID?
  /// The calling service by its certificate, or the one whose follower or job it is.
  public var service: String
  /// The hat and the profile worn, such as `STAFF MANAGER`; empty where there is none.
  public var actingAs: String

  /// Somebody known by their ids.
  public init(account: UUID?, service: String, actingAs: String = "") {
    self.account = account
    self.service = service
    self.actingAs = actingAs
  }

  /// Whoever makes the call.
  public init(_ call: CallContext) {
    let caller = call.verifiedCaller
    self.init(
      account: caller?.accountID, service: call.peer.serviceName ?? "",
      actingAs: caller.map(Self.role) ?? "")
  }

  /// The same call, for a person whom it only now makes known: by signing in, by a link.
  public func known(as account: UUID) -> AuditActor {
    var actor = self
    actor.account = account
    return actor
  }

  /// A service's own follower or job.
  /// - Parameter account: the person on whose act it follows, when the news tells.
  public static func background(_ service: String, for account: UUID? = nil) -> AuditActor {
    AuditActor(account: account, service: service)
  }

  private static func role(_ caller: Caller) -> String {
    let hat = caller.hat.protoName?.dropFirst("HAT_".count)
    let profile = caller.profile.protoName?.dropFirst("PROFILE_".count)
    return [hat, profile].compactMap { $0 }.filter { $0 != "UNSPECIFIED" }.joined(separator: " ")
  }
}
