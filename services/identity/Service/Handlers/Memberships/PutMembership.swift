import CommonAPI
import Foundation
public import GRPC
public import IdentityAPI
import ServiceKit

extension IdentityService {
  /// Stores which hat an account wears in an organisation, unless a newer version is stored.
  public func putMembership(
    _ request: PutMembershipRequest, in call: CallContext
  ) async throws -> Membership {
    let row = try MembershipRow(request)
    let key = try RequestKey(
      request.requestID, organization: row.organizationID, in: call, for: request)
    return try await storage.memberships.put(
      row, request: key, at: clock.now(), deadline: call.deadline)
  }
}

extension MembershipRow {
  /// Longest lists that still fit a context token into one header field.
  static let branchesMax = 100
  static let permissionsMax = 64
  /// The highest version taken: what a JSON number still holds, and far from where adding one ends.
  static let versionMax: Int64 = 1 << 53

  /// Names every bad field at once.
  init(_ request: PutMembershipRequest) throws {
    let wire = request.membership ?? Membership()
    var errors = FieldErrors()
    if request.requestID.isEmpty { errors.add("request_id", "is required") }
    let organization = Parse.uuid(wire.organizationID, "membership.organization_id", &errors)
    let account = Parse.uuid(wire.accountID, "membership.account_id", &errors)
    let record = Parse.uuid(wire.recordID, "membership.record_id", &errors)
    let name = Parse.text(wire.organizationName, "membership.organization_name", 1...200, &errors)
    let branches = wire.branchIDs.compactMap {
      Parse.uuid($0, "membership.branch_ids", &errors)
    }
    if wire.branchIDs.count > Self.branchesMax {
      errors.add("membership.branch_ids", "has more than \(Self.branchesMax) entries")
    }
    let wellFormed = wire.permissions.allSatisfy { (1...64).contains($0.utf8.count) }
    if wire.permissions.count > Self.permissionsMax || !wellFormed {
      errors.add("membership.permissions", "takes up to \(Self.permissionsMax) of 1 to 64 bytes")
    }
    let hat = HatWorn(wire.hat), profile = ProfileHeld(wire.profile)
    if hat == nil { errors.add("membership.hat", "is required") }
    if profile == nil || (profile == ProfileHeld.none) != (hat == .client) {
      errors.add("membership.profile", "is for staff, who need one")
    }
    if !(1...Self.versionMax).contains(wire.version) {
      errors.add("membership.version", "must be 1 to \(Self.versionMax)")
    }
    try errors.throwIfAny()
    guard let organization, let account, let record, let name, let hat, let profile else {
      throw IdentityError.accountNotFound
    }
    self.init(
      organizationID: organization, accountID: account, hat: hat, profile: profile,
      branchIDs: branches, permissions: wire.permissions, recordID: record,
      active: wire.active, version: wire.version, organizationName: name)
  }
}
