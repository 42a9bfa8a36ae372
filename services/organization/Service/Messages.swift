import CommonAPI
import OrganizationAPI
import ServiceKit

extension Organization {
  /// As stored.
  init(_ row: OrganizationRow) {
    self.init()
    organizationID = row.organizationID.text
    name = row.name
    country = row.country
    languages = row.languages
    timeZone = row.timeZone
    policy = Policy(row)
    createTime = row.createdAt.wire
  }
}

extension Policy {
  /// The rules as stored, with what they concern.
  init(_ row: OrganizationRow) {
    self.init()
    organizationID = row.organizationID.text
    invitationTrigger = row.invitationTrigger
    emailRequired = row.emailRequired
    emailDisclosure = row.emailDisclosure
    languages = row.languages
    organizationName = row.name
    branchIDs = row.branchIDs.map(\.text)
    nationalNumbersAllowed = row.nationalNumbersAllowed
  }
}

extension Branch {
  /// As stored.
  init(_ row: BranchRow) {
    self.init()
    branchID = row.branchID.text
    organizationID = row.organizationID.text
    name = row.name
    createTime = row.createdAt.wire
  }
}

extension Employee {
  /// As stored.
  init(_ row: EmployeeRow) {
    self.init()
    employeeID = row.employeeID.text
    organizationID = row.organizationID.text
    accountID = row.accountID.text
    givenName = row.givenName
    familyName = row.familyName
    email = row.email
    profile = row.profile
    branchIDs = row.branchIDs.map(\.text)
    state = row.state
    username = row.username
    createTime = row.createdAt.wire
  }
}
