import ClientDirectoryAPI
import Foundation
import GRPC
import IdentityAPI
import MessagingAPI
import OrganizationAPI
import Synchronization
import TestKit

/// Readers of one service each, whose calls need no other: what is killed elsewhere is nothing to
/// them.
final class Bystanders: Sendable {
  /// A call that has ended.
  struct Call: Sendable {
    var service: String
    var start: ContinuousClock.Instant
    var end: ContinuousClock.Instant
    /// What was wrong; nil when it was answered well.
    var error: String?
  }

  private let kept = Mutex<[Call]>([])
  private let isOver = Atomic(false)
  private let wires: Wires
  private let administrator: Administrator

  init(_ stack: Stack) async throws {
    wires = try Wires(stack, deadline: Workload.deadline)
    administrator = try await Administrator(wires, as: "admin@demo.example")
  }

  /// Reads as long as the body runs.
  func during(_ body: () async throws -> Void) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for service in DevNames.services {
        group.addTask { [self] in
          while !isOver.load(ordering: .relaxed) {
            let options = try await administrator.options(timeout: Workload.deadline)
            var call = Call(service: service, start: .now, end: .now)
            do {
              try await read(service, options)
            } catch {
              call.error = "\(error)"
            }
            call.end = .now
            kept.withLock { $0.append(call) }
            try await Task.sleep(for: .milliseconds(10))
          }
        }
      }
      defer { isOver.store(true, ordering: .relaxed) }
      try await body()
      isOver.store(true, ordering: .relaxed)
      try await group.waitForAll()
    }
    await wires.close()
  }

  private func read(_ service: String, _ options: CallOptions) async throws {
    let organization = administrator.organization
    switch service {
    case "identity":
      _ = try await wires.identity.introspectSession(
        IntrospectSessionRequest(sessionToken: administrator.session),
        options: CallOptions(timeout: Workload.deadline))
    case "organization":
      _ = try await wires.organization.listBranches(
        ListBranchesRequest(organizationID: organization), options: options)
    case "client-directory":
      _ = try await wires.directory.listClients(
        ListClientsRequest(organizationID: organization, pageSize: 5), options: options)
    default:
      _ = try await wires.messaging.listMessages(
        ListMessagesRequest(organizationID: organization, pageSize: 5), options: options)
    }
  }

  /// The calls of other services that were under way while a process was away.
  func beside(_ kills: [Stack.Kill]) -> [Call] {
    kept.withLock { calls in
      kills.flatMap { kill in
        calls.filter {
          !kill.process.hasPrefix($0.service) && $0.start < kill.end && $0.end > kill.start
        }
      }
    }
  }
}
