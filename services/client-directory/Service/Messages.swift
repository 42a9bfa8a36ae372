import ClientDirectoryAPI
import CommonAPI
import ServiceKit

extension Client {
  /// A file as stored.
  init(_ row: ClientRow) {
    self.init(
      clientID: row.clientID.text, organizationID: row.organizationID.text,
      accountID: row.accountID?.text ?? "", branchID: row.branchID.text, givenName: row.givenName,
      familyName: row.familyName, preferredName: row.preferredName, language: row.language,
      companyName: row.companyName, address: row.address == PostalAddress() ? nil : row.address,
      labels: row.labels, caseManager: CaseManager(row),
      contactPoints: row.contactPoints.map(ContactPoint.init), accessState: row.accessState,
      username: row.username, emailSignsIn: row.emailSignsIn,
      stakeholderIDs: row.stakeholderIDs.map(\.text), createTime: row.createdAt.wire,
      updateTime: row.updatedAt.wire, etag: "\(row.version)")
  }
}

extension CaseManager {
  /// Nil when there is none.
  fileprivate init?(_ row: ClientRow) {
    if let employee = row.caseManagerID {
      self.init(who: .employeeID(employee.text))
    } else if !row.caseManagerName.isEmpty {
      self.init(who: .name(row.caseManagerName))
    } else {
      return nil
    }
  }
}

extension ContactPoint {
  /// As stored.
  init(_ row: ContactPointRow) {
    self.init(
      contactPointID: row.contactPointID.text, kind: row.kind, rank: row.rank, value: row.value,
      phoneType: row.phoneType)
  }
}
