import ClientDirectoryAPI
import CommonAPI
import Feed
import Foundation
import GRPC
import IdentityAPI
import Logging
import OrganizationAPI
import Protobuf
import ServiceKit

/// Two organisations to try things with, made through the same rpcs that everybody uses.
struct Demo: Sendable {
  static let administrator = setting("CLIENTELE_DEMO_ADMINISTRATOR", "admin@demo.example")
  static let employee = setting("CLIENTELE_DEMO_EMPLOYEE", "employee@demo.example")
  static let otherAdministrator = setting(
    "CLIENTELE_DEMO_OTHER_ADMINISTRATOR", "admin@other.example")
  static let password = setting("CLIENTELE_DEMO_PASSWORD", "clientele-demo-password")

  private static func setting(_ name: String, _ standard: String) -> String {
    ProcessInfo.processInfo.environment[name] ?? standard
  }

  /// There once everything is loaded: a run that was interrupted before goes on where it was.
  private let marker: URL

  private let channels: [ClientChannel]
  private let identity: IdentityServiceClient
  private let organization: OrganizationServiceClient
  private let directory: ClientDirectoryServiceClient
  private let feed: FeedServiceClient

  /// The ids of demo requests hang on this one, so that loading twice makes nothing twice.
  private static let seed = UUID(uuid: (0xde, 0x30, 0, 0, 0, 0, 0x80, 0, 0x80, 0, 0, 0, 0, 0, 0, 1))

  private static func requestID(_ label: String) -> String { seed.derived(label).text }

  init(layout: DevLayout) throws {
    marker = layout.directory.appending(path: "demo-loaded")
    let tls = TLSSettings(
      certificatePath: layout.pki("operator.pem"), keyPath: layout.pki("operator.key"),
      authorityPath: layout.pki("ca.pem"), trustDomain: ServiceSettings.trustDomain)
    func channel(_ service: String) throws -> ClientChannel {
      try ClientChannel(
        host: "127.0.0.1", port: layout.ports[service] ?? 0, tls: tls, expectedPeer: service)
    }
    let identity = try channel("identity")
    let organization = try channel("organization")
    let directory = try channel("client-directory")
    channels = [identity, organization, directory]
    self.identity = IdentityServiceClient(identity)
    self.organization = OrganizationServiceClient(organization)
    self.directory = ClientDirectoryServiceClient(directory)
    feed = FeedServiceClient(identity)
  }

  func close() async {
    for channel in channels { await channel.close() }
  }

  /// Loads what is not there yet.
  func load() async throws {
    guard !FileManager.default.fileExists(atPath: marker.path) else { return }
    DevRun.say("loading the demo organisations")
    let demo = try await organization.createOrganization(
      CreateOrganizationRequest(
        requestID: Self.requestID("organization"), name: "Centre Démo", country: "BE",
        languages: ["fr", "en", "nl"], timeZone: "Europe/Brussels", branchName: "Bruxelles",
        administratorGivenName: "Henri", administratorFamilyName: "Dubois",
        administratorEmail: Self.administrator),
      options: .background())
    try await accept(record: demo.administrator?.employeeID ?? "")
    let other = try await organization.createOrganization(
      CreateOrganizationRequest(
        requestID: Self.requestID("other"), name: "Other Practice", country: "CA",
        languages: ["en", "fr-CA"], timeZone: "America/Toronto", branchName: "Montréal",
        administratorGivenName: "Olivia", administratorFamilyName: "Tremblay",
        administratorEmail: Self.otherAdministrator),
      options: .background())
    try await accept(record: other.administrator?.employeeID ?? "")
    let context = try await context(Self.administrator, in: demo.organizationID)
    try await loadStaff(demo.organizationID, context)
    try await loadClients(demo.organizationID, context)
    try Data().write(to: marker)
  }

  private func loadStaff(_ organizationID: String, _ context: CallOptions) async throws {
    _ = try await organization.createBranch(
      CreateBranchRequest(
        requestID: Self.requestID("branch"), organizationID: organizationID, name: "Namur"),
      options: context)
    let branches = try await organization.listBranches(
      ListBranchesRequest(organizationID: organizationID), options: context)
    let employee = try await organization.createEmployee(
      CreateEmployeeRequest(
        requestID: Self.requestID("employee"), organizationID: organizationID, givenName: "Martine",
        familyName: "Peeters", email: Self.employee, profile: .employee,
        branchIDs: branches.branches.prefix(1).map(\.branchID), language: "fr"),
      options: context)
    try await accept(record: employee.employeeID)
  }

  private func loadClients(_ organizationID: String, _ context: CallOptions) async throws {
    let people = [
      ("Julie", "Lambert", "julie.lambert@clients.example", "fr"),
      ("Emma", "Van den Broeck", "emma.vdb@clients.example", "nl"),
      ("James", "O'Connor", "james@clients.example", "en"),
      ("Léa", "D'Hondt", "", "fr"),
      ("Noah", "Maes", "", "nl"),
    ]
    for (index, person) in people.enumerated() {
      _ = try await directory.createClient(
        CreateClientRequest(
          requestID: Self.requestID("client \(index)"), organizationID: organizationID,
          email: person.2, noEmailConfirmed: person.2.isEmpty, givenName: person.0,
          familyName: person.1, language: person.3),
        options: context)
    }
  }

  private func signIn(_ email: String) async throws -> SignInResponse {
    try await identity.signIn(
      SignInRequest(identifier: email, password: Self.password, remoteAddress: "127.0.0.1"),
      options: .background())
  }

  /// Options for calls on somebody's behalf.
  private func context(_ email: String, in organizationID: String) async throws -> CallOptions {
    let session = try await signIn(email)
    let issued = try await identity.issueContextToken(
      IssueContextTokenRequest(
        sessionToken: session.sessionToken, organizationID: organizationID),
      options: .background())
    var options = CallOptions.background()
    options.metadata.append(binary: issued.contextToken, for: ContextVerifier.metadataKey)
    return options
  }

  /// Accepts the invitation of an employee, as the mail's reader would.
  private func accept(record: String) async throws {
    do {
      try await acceptOnce(record)
    } catch let error as RPCError where error.reason == "INVITATION_ACCEPTED" {
      // An interrupted run came this far.
    }
  }

  private func acceptOnce(_ record: String) async throws {
    let invitation = try await invitation(of: record)
    let link = try await identity.mintInvitationLink(
      MintInvitationLinkRequest(
        organizationID: invitation.organizationID, invitationID: invitation.invitationID,
        sendCount: invitation.sendCount),
      options: .background())
    _ = try await identity.acceptInvitation(
      AcceptInvitationRequest(
        requestID: Self.requestID("accept \(record)"), token: link.token, password: Self.password),
      options: .background())
  }

  /// Waits for the announcement of an invitation; organization sends it from a job.
  private func invitation(of record: String) async throws -> Invitation {
    var position: FeedPosition?
    let limit = ContinuousClock.now + .seconds(30)
    while ContinuousClock.now < limit {
      let page = try await feed.listEvents(
        ListEventsRequest(
          after: position, pageSize: 500, wait: ProtoDuration(seconds: 1),
          kinds: ["invitation.created"]),
        options: .background())
      for event in page.events {
        let issued = try InvitationIssued(serialized: event.payload)
        if let invitation = issued.invitation, invitation.recordID == record { return invitation }
      }
      position = page.next ?? position
    }
    throw DevRun.Stopped(
      description:
        "no invitation for the demo's employee \(record) after 30 s; see the logs of identity and organization"
    )
  }
}
