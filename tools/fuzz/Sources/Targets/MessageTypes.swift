import BenchAPI
import ClientDirectoryAPI
import CommonAPI
import GRPC
import IdentityAPI
import MessagingAPI
import OrganizationAPI
import Protobuf
import TestProtosAPI

/// The messages that bytes from outside are read as.
enum MessageTypes {
  /// The test message, with every kind of field, what the runtime itself reads, and every request.
  static let all: [any Message.Type] =
    [
      Everything.self, Level1.self, RPCStatusMessage.self, BadRequest.self, ErrorInfo.self,
      ContextToken.self, ContextClaims.self, FeedPosition.self, ListEventsResponse.self,
      ServerReflectionRequest.self, ServerReflectionResponse.self, Resolutions.self,
    ] + methods.map(\.requestType)

  private static let methods =
    [
      EchoMethods.service, IdentityServiceMethods.service, OrganizationServiceMethods.service,
      ClientDirectoryServiceMethods.service, MessagingServiceMethods.service,
    ].flatMap(\.methods)

  static func type(_ number: UInt8) -> any Message.Type { all[Int(number) % all.count] }
}
