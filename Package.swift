// swift-tools-version: 6.2
// The map of rooms, and of who may call whom. docs/architecture.md has the picture.
import PackageDescription

// MARK: Rules every target is built under

let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .treatAllWarnings(as: .error),
]

// MARK: External parts

let nio: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioEmbedded: Target.Dependency = .product(name: "NIOEmbedded", package: "swift-nio")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let nioTLS: Target.Dependency = .product(name: "NIOTLS", package: "swift-nio")
let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let metrics: Target.Dependency = .product(name: "Metrics", package: "swift-metrics")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let lifecycle: Target.Dependency =
  .product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let signals: Target.Dependency =
  .product(name: "UnixSignals", package: "swift-service-lifecycle")
let context: Target.Dependency =
  .product(name: "ServiceContextModule", package: "swift-service-context")
let arguments: Target.Dependency =
  .product(name: "ArgumentParser", package: "swift-argument-parser")
let configuration: Target.Dependency =
  .product(name: "Configuration", package: "swift-configuration")
let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let mustache: Target.Dependency = .product(name: "Mustache", package: "swift-mustache")
let histogram: Target.Dependency = .product(name: "Histogram", package: "hdrhistogram-swift")

func library(
  _ name: String, _ dependencies: [Target.Dependency] = [], exclude: [String] = []
) -> Target {
  .target(name: name, dependencies: dependencies, exclude: exclude, swiftSettings: strict)
}

func executable(_ name: String, path: String? = nil, _ dependencies: [Target.Dependency]) -> Target
{
  .executableTarget(name: name, dependencies: dependencies, path: path, swiftSettings: strict)
}

func tests(
  _ name: String, path: String? = nil, _ dependencies: [Target.Dependency], exclude: [String] = []
) -> Target {
  .testTarget(
    name: name, dependencies: dependencies, path: path, exclude: exclude, swiftSettings: strict)
}

// MARK: Services

/// One deployable. `calls` is the only place that says whose API a service may use; calls go one
/// way (identity ← organization ← client-directory ← messaging ← gateway) and never back.
struct Service {
  let folder: String
  let room: String
  let calls: [String]
  var extra: [Target.Dependency] = []

  var storage: [Target.Dependency] { ["Postgres", "Feed", "ServiceStorage"] }

  var targets: [Target] {
    let apis = ([room] + calls).map { Target.Dependency(stringLiteral: "\($0)API") }
    return [
      .target(
        name: "\(room)Core",
        dependencies: ["GRPC", "Protobuf", "CommonAPI", "ServiceKit", crypto, logging] + apis
          + storage + extra,
        path: "services/\(folder)/Service", swiftSettings: strict),
      executable(
        "\(room)Main", path: "services/\(folder)/Main",
        [.init(stringLiteral: "\(room)Core"), "ServiceKit"] + storage),
      tests(
        "\(room)Tests", path: "services/\(folder)/Tests",
        [
          .init(stringLiteral: "\(room)Core"), "TestKit", "GRPC", "Protobuf", "CommonAPI",
          "ServiceKit", crypto, logging,
        ] + apis + storage + extra),
    ]
  }
}

let services = [
  Service(folder: "identity", room: "Identity", calls: [], extra: ["CArgon2", "CCrack"]),
  Service(folder: "organization", room: "Organization", calls: ["Identity"]),
  Service(
    folder: "client-directory", room: "ClientDirectory", calls: ["Identity", "Organization"],
    extra: ["FieldProtection"]),
  Service(
    folder: "messaging", room: "Messaging", calls: ["Identity", "Organization", "ClientDirectory"],
    extra: ["CCURL", mustache]),
]
let everyAPI: [Target.Dependency] = [
  "IdentityAPI", "OrganizationAPI", "ClientDirectoryAPI", "MessagingAPI",
]

// MARK: Package

let package = Package(
  name: "clientele",
  platforms: [.macOS(.v15)],
  products: [
    // The runtime alone, for other packages: docs/runtime.md.
    .library(name: "ClienteleRuntime", targets: ["GRPC", "CommonAPI", "Protobuf", "CProtos"]),
    .executable(name: "identity", targets: ["IdentityMain"]),
    .executable(name: "organization", targets: ["OrganizationMain"]),
    .executable(name: "client-directory", targets: ["ClientDirectoryMain"]),
    .executable(name: "messaging", targets: ["MessagingMain"]),
    .executable(name: "gateway", targets: ["GatewayMain"]),
    .executable(name: "clientele", targets: ["Operator"]),
    .executable(name: "echo-server", targets: ["EchoServer"]),
    .executable(name: "interop-server", targets: ["InteropServer"]),
    .executable(name: "interop-client", targets: ["InteropClient"]),
    .executable(name: "service-bench", targets: ["ServiceBench"]),
    .executable(name: "loadtest", targets: ["LoadTest"]),
    // For tools/fuzz, a package of its own: the rooms of the wire, and what stands at the edge.
    .library(
      name: "FuzzedRooms",
      targets: [
        "Protobuf", "HTTP2", "CommonAPI", "GRPC", "IdentityAPI", "OrganizationAPI",
        "ClientDirectoryAPI", "MessagingAPI", "BenchAPI", "TestProtosAPI",
      ]),
    .library(
      name: "FuzzedEdge",
      targets: ["ServiceKit", "IdentityCore", "ClientDirectoryCore", "GatewayCore"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/apple/swift-service-context", from: "1.5.1"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
    .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.1"),
    .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
  ],
  targets: [
    // System libraries: a module map each, no code but tiny shims.
    .systemLibrary(
      name: "CNGHTTP2", pkgConfig: "libnghttp2", providers: [.apt(["libnghttp2-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
    .systemLibrary(
      name: "CProtobufC", pkgConfig: "libprotobuf-c", providers: [.apt(["libprotobuf-c-dev"])]),
    .systemLibrary(
      name: "CArgon2", pkgConfig: "libargon2", providers: [.apt(["libargon2-dev"])]),
    .systemLibrary(name: "CIDN2", pkgConfig: "libidn2", providers: [.apt(["libidn2-dev"])]),
    .systemLibrary(name: "CCrack", providers: [.apt(["libcrack2-dev"])]),
    .systemLibrary(
      name: "CCURL", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),

    // How we speak.
    .target(name: "CProtos", dependencies: ["CProtobufC"]),
    library("Protobuf", ["CProtobufC"]),
    library("HTTP2", ["CNGHTTP2", nio]),
    library("CommonAPI", ["Protobuf", "CProtos", "CProtobufC"]),
    library(
      "GRPC",
      [
        "HTTP2", "Protobuf", "CommonAPI", "CZlib", nio, nioPosix, nioTLS, nioSSL, logging,
        metrics, context,
      ]),
    library("Postgres", ["CLibPQ", logging, crypto]),
    library("IdentityAPI", ["GRPC", "Protobuf", "CommonAPI", "CProtos", "CProtobufC"]),
    library("OrganizationAPI", ["GRPC", "Protobuf", "CommonAPI", "CProtos", "CProtobufC"]),
    library("ClientDirectoryAPI", ["GRPC", "Protobuf", "CommonAPI", "CProtos", "CProtobufC"]),
    library("MessagingAPI", ["GRPC", "Protobuf", "CommonAPI", "CProtos", "CProtobufC"]),
    library("BenchAPI", ["GRPC", "Protobuf", "CommonAPI", "CProtos", "CProtobufC"]),
    library("InteropAPI", ["GRPC", "Protobuf", "CommonAPI", "CProtos", "CProtobufC"]),
    library(
      "Feed",
      ["Postgres", "GRPC", "Protobuf", "CommonAPI", "ServiceKit", "ServiceStorage", logging]),
    library(
      "ServiceKit",
      [
        "GRPC", "CommonAPI", "Protobuf", "CIDN2", nio, nioPosix, nioHTTP1, logging, metrics,
        crypto, lifecycle, signals, configuration, context,
      ]),
    library(
      "ServiceStorage",
      [
        "Postgres", "GRPC", "CommonAPI", "Protobuf", "ServiceKit", logging, lifecycle, crypto,
      ]),

    library("FieldProtection", [crypto]),
    library("ReflectionClient", ["GRPC", "Protobuf", "CommonAPI"]),

    // Tools.
    executable("EchoServer", ["GRPC", "BenchAPI", logging, arguments]),
    executable("InteropServer", ["GRPC", "InteropAPI", arguments]),
    executable("InteropClient", ["GRPC", "Protobuf", "InteropAPI", arguments]),
    executable(
      "ServiceBench",
      [
        nio, nioPosix, "GRPC", "CommonAPI", "ServiceKit", logging, arguments,
      ] + everyAPI),
    executable(
      "Operator",
      [
        "GRPC", "Protobuf", "CommonAPI", "ReflectionClient", "Postgres", "Feed", "ServiceKit",
        "ServiceStorage",
        // What a seed must know as the services do: how passwords are kept, what profiles permit.
        "IdentityCore", "OrganizationCore",
        // And what opens encrypted fields.
        "ClientDirectoryCore", logging, arguments, crypto, lifecycle, signals,
      ] + everyAPI),
    executable(
      "LoadTest",
      [
        "GRPC", "Protobuf", "ReflectionClient", "BenchAPI", nio, nioPosix, histogram, arguments,
        signals,
      ]),

    // The edge.
    .target(
      name: "GatewayCore",
      dependencies: [
        "GRPC", "Protobuf", "CommonAPI", "ServiceKit", hummingbird, nio, nioHTTP1, lifecycle,
        signals, crypto, logging, metrics,
      ] + everyAPI,
      path: "services/gateway/Service", resources: [.embedInCode("Pages")], swiftSettings: strict),
    executable("GatewayMain", path: "services/gateway/Main", ["GatewayCore", "ServiceKit"]),
    tests(
      "GatewayTests", path: "services/gateway/Tests",
      [
        "GatewayCore", "GRPC", "Protobuf", "CommonAPI", "ServiceKit", "TestKit", nio, nioPosix,
        logging, lifecycle,
      ]
        + everyAPI),

    // Tests of the rooms.
    .target(
      name: "TestKit",
      dependencies: [
        "GRPC", "Protobuf", "CommonAPI", "Postgres", "ServiceKit", "ServiceStorage", logging,
        crypto,
      ],
      path: "Tests/TestKit", swiftSettings: strict),
    .target(
      name: "CTestProtos", dependencies: ["CProtos", "CProtobufC"], path: "Tests/CTestProtos"),
    .target(
      name: "TestProtosAPI",
      dependencies: ["Protobuf", "CommonAPI", "CTestProtos", "CProtos", "CProtobufC"],
      path: "Tests/TestProtosAPI", swiftSettings: strict),
    tests("ProtobufTests", ["Protobuf", "CommonAPI", "TestProtosAPI"]),
    tests("HTTP2Tests", ["HTTP2", nio, "CNGHTTP2"]),
    tests(
      "GRPCTests",
      [
        "GRPC", "BenchAPI", "CommonAPI", "Protobuf", "TestKit", "TestProtosAPI", nio, nioPosix,
        nioSSL, logging,
      ]),
    tests("PostgresTests", ["Postgres", "TestKit", logging]),
    tests(
      "FeedTests",
      [
        "Feed", "Postgres", "GRPC", "CommonAPI", "Protobuf", "ServiceKit", "ServiceStorage",
        "TestKit", logging,
      ]),
    tests(
      "ServiceKitTests",
      [
        "ServiceKit", "GRPC", "IdentityAPI", "CommonAPI", "Protobuf", "TestKit", crypto, lifecycle,
        logging, metrics,
      ]),
    tests(
      "ServiceStorageTests",
      ["ServiceStorage", "ServiceKit", "Postgres", "GRPC", "CommonAPI", "TestKit", crypto, logging]),
    tests("FieldProtectionTests", ["FieldProtection", crypto]),
    tests(
      "LoadTestTests",
      [
        "LoadTest", "GRPC", "Protobuf", "CommonAPI", "BenchAPI", "TestProtosAPI",
        "ReflectionClient",
      ]),
    .target(name: "CAllocationCount", path: "Tests/CAllocationCount"),
    executable(
      "AllocationProbe", path: "Tests/AllocationProbe",
      ["GRPC", "Protobuf", "CommonAPI", "BenchAPI", "InteropAPI", "CAllocationCount"]),
    tests(
      "ConformanceTests", ["TestKit", "GRPC", "Protobuf", "ReflectionClient"],
      exclude: [
        "allocations.txt", "interop_client.py", "interop_protos.py", "interop_server.py",
        "reflection_server.py",
      ]),
    tests(
      "SystemTests",
      [
        "TestKit", "GRPC", "Protobuf", "CommonAPI", "Postgres", "ServiceKit", "ServiceStorage",
        crypto, logging,
      ] + everyAPI,
      exclude: ["abuse", "foreign_client.py", "hostile_peer.py"]),
    // The bodies of the fuzzers, fed with every committed input and with inputs near them.
    .testTarget(
      name: "FuzzTests",
      dependencies: [
        "Protobuf", "CommonAPI", "HTTP2", "GRPC", "BenchAPI", "TestProtosAPI", "ServiceKit",
        "IdentityCore", "ClientDirectoryCore", "GatewayCore", nio, nioEmbedded, logging,
      ] + everyAPI,
      path: "tools/fuzz/Sources", exclude: ["Entry"],
      swiftSettings: strict + [.define("FUZZ_EDGE")]),
    tests(
      "OperatorTests",
      [
        "Operator", "IdentityCore", "OrganizationCore", "ClientDirectoryCore", "MessagingCore",
        "TestKit", "GRPC", "CommonAPI", "ServiceKit", "ServiceStorage", "Postgres", logging,
      ] + everyAPI),
    tests("TidyTests", []),
  ] + services.flatMap(\.targets)
)
