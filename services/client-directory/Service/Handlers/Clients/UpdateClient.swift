public import ClientDirectoryAPI
import CommonAPI
import Foundation
public import GRPC
import OrganizationAPI
import ServiceKit

extension ClientDirectoryService {
  /// Changes this organisation's copy of a client (B42): staff what the mask names, clients what is
  /// theirs to say.
  public func updateClient(
    _ request: UpdateClientRequest, in call: CallContext
  ) async throws -> Client {
    let caller = try call.caller()
    let change = try ClientChange(validating: request)
    let intent = try Intent(
      request.requestID, organization: try call.organization(), in: call, for: request)
    return try await changing(
      change.clientID, etag: request.etag, as: ClientAct("client.update", change.facts),
      for: intent, in: call, answer: { $0 }
    ) { row in
      try change.allow(caller)
      if let branch = change.branchID, branch != row.branchID {
        try await allow(branch, to: caller, in: call)
      }
      if let manager = change.caseManager { try await checkCaseManager(manager, in: call) }
      return change.apply(to: &row)
    }
  }

  /// Throws unless the caller may move a file to the branch (B15).
  private func allow(_ branch: UUID, to caller: Caller, in call: CallContext) async throws {
    let policy = try await organization.policy(in: call)
    guard policy.branches.contains(branch) else { throw ClientDirectoryError.branchNotFound }
    guard caller.may("clients.assign"),
      caller.profile == .superAdmin || caller.branchIDs.contains(branch)
    else { throw ClientDirectoryError.branchNotAllowed }
  }
}

/// The fields of a client that a request changes; nil ones stay.
private struct ClientChange {
  /// What a client may change in the own file.
  private static let ownPaths: Set<String> = [
    "given_name", "family_name", "preferred_name", "language", "company_name", "address",
  ]

  /// More than there are; so that a long mask of nonsense is not answered at length.
  private static let pathsMax = 20

  let clientID: UUID
  let paths: Set<String>
  var givenName: String?
  var familyName: String?
  var preferredName: String?
  var language: String?
  var companyName: String?
  var address: PostalAddress?
  var labels: [String]?
  var caseManager: CaseManagerDraft?
  var branchID: UUID?

  /// Throws INVALID_ARGUMENT with every bad field and every unknown path.
  init(validating request: UpdateClientRequest) throws {
    var errors = FieldErrors()
    let id = Parse.uuid(request.clientID, "client_id", &errors)
    let values = request.client ?? Client()
    paths = Set(request.updateMask?.paths ?? [])
    if paths.isEmpty { errors.add("update_mask", "names at least one field") }
    if paths.count > Self.pathsMax {
      errors.add("update_mask", "names more than \(Self.pathsMax) fields")
      try errors.throwIfAny()
    }
    for path in paths.sorted() {
      switch path {
      case "given_name":
        givenName = Parse.text(values.givenName, "client.given_name", 1...100, &errors)
      case "family_name":
        familyName = Parse.text(values.familyName, "client.family_name", 1...100, &errors)
      case "preferred_name":
        preferredName = Parse.text(values.preferredName, "client.preferred_name", 0...100, &errors)
      case "language":
        language = Parse.language(values.language, "client.language", &errors)
      case "company_name":
        companyName = Parse.text(values.companyName, "client.company_name", 0...200, &errors)
      case "address":
        address = Fields.address(values.address ?? PostalAddress(), "client.address", &errors)
      case "labels":
        labels = Fields.labels(values.labels, "client.labels", &errors)
      case "case_manager":
        caseManager = CaseManagerDraft(values.caseManager, "client.case_manager", &errors)
      case "branch_id":
        branchID = Parse.uuid(values.branchID, "client.branch_id", &errors)
      default:
        errors.add("update_mask", "\(path.prefix(100)) cannot be changed")
      }
    }
    try errors.throwIfAny()
    clientID = id ?? .first
  }

  /// What goes on record: which fields, not what was in them.
  var facts: [String: String] { ["fields": paths.sorted().joined(separator: ",")] }

  /// Throws PERMISSION_DENIED unless the caller, who sees the file, may change all of it.
  func allow(_ caller: Caller) throws {
    if caller.isStaff ? !caller.may("clients.update") : !paths.isSubset(of: Self.ownPaths) {
      throw ClientDirectoryError.notPermitted("clients.update")
    }
  }

  func apply(to row: inout ClientRow) -> [ClientEffect] {
    if let givenName { row.givenName = givenName }
    if let familyName { row.familyName = familyName }
    if let preferredName { row.preferredName = preferredName }
    if let language { row.language = language }
    if let companyName { row.companyName = companyName }
    if let address { row.address = address }
    if let branchID { row.branchID = branchID }
    if let caseManager {
      row.caseManagerID = caseManager.employeeID
      row.caseManagerName = caseManager.name
    }
    guard let labels, labels != row.labels else { return [] }
    row.labels = labels
    return [.relabel]
  }
}
