import SwiftProtobufPluginLibrary

/// Which proto goes to which room. The rooms themselves are in the product's Package.swift.
enum Layout {
  /// Set by the option `room=Greeter`, for packages that use the runtime from outside: their protos
  /// go to `GreeterAPI` and `CGreeterProtos`, and no documents are written.
  @TaskLocal static var outside: String?

  /// Protos that come with the runtime, whoever uses it.
  private static func isShared(_ name: String) -> Bool {
    ["google/", "grpc/health/", "grpc/reflection/", "clientele/"].contains { name.hasPrefix($0) }
  }

  /// The module that holds a file's messages.
  static func module(of file: FileDescriptor) -> String { module(ofFile: file.name) }

  static func module(ofFile name: String) -> String {
    let parts = name.split(separator: "/").map(String.init)
    guard let top = parts.first else { return "CommonAPI" }
    if let outside, !isShared(name) { return outside + "API" }
    switch top {
    case "clientele":
      guard parts.count > 2, !["common", "feed"].contains(parts[1]) else { return "CommonAPI" }
      return Names.upperCamel(parts[1]) + "API"
    case "bench": return "BenchAPI"
    case "grpc" where parts.count > 1 && parts[1] == "testing": return "InteropAPI"
    case "test": return "TestProtosAPI"
    default: return "CommonAPI"
    }
  }

  /// Where a module's generated files are.
  static func folder(ofModule module: String) -> String {
    module == "TestProtosAPI" ? "Tests/TestProtosAPI/Generated" : "Sources/\(module)/Generated"
  }

  /// Whether the C of a file that is only imported comes with the runtime. What declares options
  /// has none.
  static func hasC(_ name: String) -> Bool {
    outside != nil && isShared(name) && !name.hasPrefix("google/api/")
      && name != "google/protobuf/descriptor.proto"
  }

  /// The module that holds a file's C: what only tests use stays out of the product.
  static func cModule(ofFile name: String) -> String {
    if let outside, !isShared(name) { return "C\(outside)Protos" }
    return name.hasPrefix("test/") ? "CTestProtos" : "CProtos"
  }

  static func folder(ofCModule module: String) -> String {
    (module == "CTestProtos" ? "Tests/" : "Sources/") + module
  }

  /// The module that holds a file's services: GRPC imports CommonAPI, so that bindings, which need
  /// GRPC, cannot stand in CommonAPI.
  static func serviceModule(of file: FileDescriptor) -> String {
    if file.name.hasPrefix("clientele/feed/") { return "Feed" }
    let own = module(of: file)
    return own == "CommonAPI" && file.name.hasPrefix("grpc/") ? "GRPC" : own
  }

  /// A type without cases that keeps two versions of one proto apart.
  static func namespace(of file: FileDescriptor) -> String? {
    file.package == "grpc.reflection.v1alpha" ? "V1Alpha" : nil
  }

  /// The name of the Swift file, without its ending.
  static func swiftFile(of file: FileDescriptor) -> String {
    let parts = file.name.dropLast(".proto".count).split(separator: "/").map(String.init)
    let own = module(of: file) == "CommonAPI" ? parts.filter { $0 != "v1" } : parts.suffix(1)
    return own.map(Names.upperCamel).joined()
  }

  /// The enum that carries a module's descriptor set.
  static func filesEnum(ofModule module: String) -> String {
    (module.hasSuffix("API") ? String(module.dropLast(3)) : module) + "Files"
  }

  /// Packages that others wrote: no access rules, no lint.
  static func isForeign(_ package: String) -> Bool {
    package.hasPrefix("grpc.") || package.hasPrefix("google.")
  }
}
