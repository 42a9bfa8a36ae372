import SwiftProtobufPluginLibrary

/// The documents beside the code.
enum Documents {
  static func outputs(_ files: [FileDescriptor]) throws -> [Generator.Output] {
    []
  }
}
