import CommonAPI
import Foundation
import ServiceKit

/// Which files a caller sees (domain §6, permission presets). What is not seen is not found.
enum Visibility: Sendable, Hashable {
  /// Every file of the organisation.
  case all
  /// The files of some branches.
  case branches(Set<UUID>)
  /// The files an employee has access to.
  case stakeholder(UUID)
  /// The client's own file.
  case own(UUID)
  /// None.
  case nothing

  /// What the caller sees.
  init(_ caller: Caller) {
    guard caller.isStaff else {
      self = caller.hat == .client ? caller.clientID.map(Self.own) ?? .nothing : .nothing
      return
    }
    switch caller.profile {
    case .superAdmin: self = .all
    case .branchAdmin, .manager: self = .branches(caller.branchIDs)
    case .employee, .readOnly: self = caller.employeeID.map(Self.stakeholder) ?? .nothing
    case .unspecified, .unrecognized: self = .nothing
    }
  }

  /// Whether a file is among them.
  func sees(clientID: UUID, branchID: UUID, stakeholderIDs: [UUID]) -> Bool {
    switch self {
    case .all: true
    case .branches(let branches): branches.contains(branchID)
    case .stakeholder(let employee): stakeholderIDs.contains(employee)
    case .own(let client): client == clientID
    case .nothing: false
    }
  }

  /// Whether a file is among them.
  func sees(_ row: ClientRow) -> Bool {
    sees(clientID: row.clientID, branchID: row.branchID, stakeholderIDs: row.stakeholderIDs)
  }
}
