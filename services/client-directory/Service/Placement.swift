import CommonAPI
import Foundation
import GRPC
import OrganizationAPI
import ServiceKit

/// Where a new file lies, and who has access to it first.
struct Placement: Sendable, Hashable {
  let branchID: UUID
  let stakeholderID: UUID
}

extension ClientDirectoryService {
  /// The branch of a new file and its first stakeholder (B14 to B16): the creator and the creator's
  /// branch, unless an administrator says otherwise.
  func placement(
    of draft: ClientDraft, under policy: Policy, in call: CallContext
  ) async throws -> Placement {
    let caller = try call.caller()
    let branch = try self.branch(asked: draft.branchID, by: caller, under: policy)
    guard let own = caller.employeeID else { throw ClientDirectoryError.employeeNotFound }
    guard let assignee = draft.assigneeID, assignee != own else {
      return Placement(branchID: branch, stakeholderID: own)
    }
    guard caller.may("clients.assign") else { throw ClientDirectoryError.assignNotAllowed }
    let employee = try await organization.employee(assignee, in: call)
    // A branch administrator reaches the staff of own branches, and those who work in all of them.
    let theirs = Set(employee.branchIDs.compactMap(UUID.init(uuidString:)))
    if caller.profile != .superAdmin, !theirs.isEmpty, theirs.isDisjoint(with: caller.branchIDs) {
      throw ClientDirectoryError.assignNotAllowed
    }
    return Placement(branchID: branch, stakeholderID: assignee)
  }

  /// The branch a file goes to. With a single branch there is no choice; else administrators choose
  /// among those they administer, and the files of others lie in their own branch.
  func branch(asked: UUID?, by caller: Caller, under policy: Policy) throws -> UUID {
    let branches = policy.branches
    guard let first = branches.first else { throw ClientDirectoryError.branchNotFound }
    let implied = branches.first(where: caller.branchIDs.contains)
    guard let asked else {
      if let implied { return implied }
      guard caller.profile == .superAdmin || branches.count == 1 else {
        throw ClientDirectoryError.branchNotAllowed
      }
      return first
    }
    guard branches.contains(asked) else { throw ClientDirectoryError.branchNotFound }
    if branches.count == 1 || asked == implied { return asked }
    guard caller.may("clients.assign"),
      caller.profile == .superAdmin || caller.branchIDs.contains(asked)
    else { throw ClientDirectoryError.branchNotAllowed }
    return asked
  }
}
