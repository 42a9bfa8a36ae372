// swift-tools-version: 6.2
// The fuzzers: a package of its own, so that plain builds never make them. scripts/fuzz.sh builds
// it with libFuzzer and the address sanitizer. What is under Sources/Targets and Sources/Edge is
// part of the product's test target FuzzTests as well, which replays every committed input.
import PackageDescription

// The parsers at the edge stand on rooms with many dependencies, which take long to build with
// sanitizers; the short run of `make test` leaves them to FuzzTests.
let withEdge = Context.environment["FUZZ_EDGE"] == "1"

let package = Package(
  name: "fuzz",
  platforms: [.macOS(.v15)],
  dependencies: [
    .package(name: "clientele", path: "../.."),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
  ],
  targets: [
    // One program for all fuzzers: each would link the same rooms again.
    .executableTarget(
      name: "fuzz",
      dependencies: [
        .product(name: "FuzzedRooms", package: "clientele"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOEmbedded", package: "swift-nio"),
        .product(name: "Logging", package: "swift-log"),
      ] + (withEdge ? [.product(name: "FuzzedEdge", package: "clientele")] : []),
      path: "Sources",
      exclude: ["Replay"] + (withEdge ? [] : ["Edge"]),
      swiftSettings: [
        .swiftLanguageMode(.v6), .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
      ] + (withEdge ? [.define("FUZZ_EDGE")] : []))
  ]
)
