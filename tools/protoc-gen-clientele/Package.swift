// swift-tools-version: 6.2
// The code generator: a package of its own, so that the product neither links nor builds
// swift-protobuf.
import PackageDescription

let package = Package(
  name: "protoc-gen-clientele",
  platforms: [.macOS(.v15)],
  dependencies: [
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.39.0")
  ],
  targets: [
    .executableTarget(
      name: "protoc-gen-clientele",
      dependencies: [.product(name: "SwiftProtobufPluginLibrary", package: "swift-protobuf")],
      swiftSettings: [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)])
  ]
)
