import ClientDirectoryAPI
import GRPC
import IdentityAPI
public import MessagingAPI
import OrganizationAPI
import ServiceKit

/// What an organisation sends, and what became of it. The handlers are in Handlers/, one rpc a file.
public struct MessagingService: MessagingServiceProtocol {
  let messages: Messages
  let reminders: Reminders
  let reminderWriter: AppReminderWriter
  let sight: ClientSight
  let identity: IdentityServiceClient
  let organizations: OrganizationServiceClient
  let clock: ServiceClock

  /// The channels to the services that know what this one asks about.
  struct Peers {
    /// Who may see which client, and where clients are reached.
    let clientDirectory: any RPCChannel
    /// Who has the mobile app.
    let identity: any RPCChannel
    /// What organisations are called.
    let organization: any RPCChannel
  }

  /// - Parameters:
  ///   - messages: what was sent.
  ///   - reminders: what is to be sent because staff ask for it.
  init(
    messages: Messages, reminders: Reminders, writer: AppReminderWriter, peers: Peers,
    clock: ServiceClock
  ) {
    self.messages = messages
    self.reminders = reminders
    self.clock = clock
    reminderWriter = writer
    sight = ClientSight(clients: ClientDirectoryServiceClient(peers.clientDirectory))
    identity = IdentityServiceClient(peers.identity)
    organizations = OrganizationServiceClient(peers.organization)
  }
}
