import ClientDirectoryAPI
import GRPC
public import MessagingAPI

/// What an organisation sends, and what became of it. The handlers are in Handlers/, one rpc a file.
public struct MessagingService: MessagingServiceProtocol {
  let messages: Messages
  let sight: ClientSight

  /// - Parameters:
  ///   - messages: what was sent.
  ///   - clientDirectory: the channel to the service that knows who may see which client.
  init(messages: Messages, clientDirectory: any RPCChannel) {
    self.messages = messages
    sight = ClientSight(clients: ClientDirectoryServiceClient(clientDirectory))
  }
}
