import Foundation
import Testing

/// A rule that cannot fail is no rule: each is shown text that breaks it, and text that does not.
@Suite struct PlantedTests {
  private static let map = PackageMap([
    .init(name: "Postgres", kind: "regular", folder: "Sources/Postgres", dependencies: ["CLibPQ"]),
    .init(name: "HTTP2", kind: "regular", folder: "Sources/HTTP2", dependencies: ["NIOCore"]),
    .init(
      name: "ServiceKit", kind: "regular", folder: "Sources/ServiceKit", dependencies: ["GRPC"]),
    .init(name: "GRPC", kind: "regular", folder: "Sources/GRPC", dependencies: ["HTTP2"]),
    .init(
      name: "IdentityCore", kind: "regular", folder: "services/identity/Service",
      dependencies: ["GRPC", "Postgres", "IdentityAPI", "CArgon2"]),
    .init(
      name: "OrganizationCore", kind: "regular", folder: "services/organization/Service",
      dependencies: ["GRPC", "IdentityAPI", "OrganizationAPI"]),
    .init(
      name: "ClientDirectoryCore", kind: "regular", folder: "services/client-directory/Service",
      dependencies: ["ClientDirectoryAPI"]),
    .init(
      name: "MessagingCore", kind: "regular", folder: "services/messaging/Service",
      dependencies: ["MessagingAPI"]),
    .init(
      name: "GatewayCore", kind: "regular", folder: "services/gateway/Service",
      dependencies: ["GRPC", "IdentityAPI"]),
  ])
  private let rules = LayerRules(map: Self.map)

  private func planted(_ target: PackageMap.Target) -> PackageMap {
    PackageMap([target] + Self.map.targets.values.filter { $0.name != target.name })
  }

  // MARK: Reading Swift

  @Test("comments and quoted text are no code")
  func scrubbing() {
    let text = """
      let a = "try! // no" // try!
      let b = "x\\(try! f("}"))y" /* as! /* nested */ try! */ + c
      let d = #"a "quoted" \\n try!"# + "\\""
      let e = /try! "/
      let f = 4 / 2 // "
      let g = h
      """
    let code = Scrubber.scrub(text).split(separator: "\n").map(String.init)
    #expect(!code[0].contains("try!"))
    #expect(code[1].contains("try! f(\" \")"))
    #expect(!code[1].contains("as!") && code[1].hasSuffix("+ c"))
    #expect(!code[2].contains("try!") && !code[3].contains("try!"))
    #expect(code[4].hasPrefix("let f = 4 / 2") && code[5] == "let g = h")
  }

  @Test("a multi-line string ends where it ends")
  func multilineStrings() {
    let text = "let a = \"\"\"\n  try! \"x\" {\n  \"\"\"\nlet b = try! c"
    let code = Scrubber.scrub(text).split(separator: "\n").map(String.init)
    #expect(!code[1].contains("try!") && !code[1].contains("{"))
    #expect(code[3] == "let b = try! c")
  }

  @Test("functions are found with their ends")
  func functionSpans() {
    let file = SwiftFile(
      path: "a.swift",
      """
      protocol P {
        func nothing()
        init(a: Int)
      }
      struct S {
        init?(a: Int = f({ 1 })) {
          b()
        }
        public static func wide(
          a: Int
        ) async throws
          -> Int
        {
          { 1 }()
        }
        var short: Int { 1 }
        var long: Int {
          2
        }
      }
      """)
    let spans = file.functions.map { "\($0.name) \($0.first) \($0.last)" }
    #expect(spans == ["init 5 7", "wide 8 14", "long 16 18"])
  }

  @Test(
    "imports are read in all their forms",
    arguments: [
      ("import A", "A", false), ("public import B", "B", true), ("@testable import C", "C", false),
      ("internal import struct D.E", "D", false), ("@preconcurrency public import F", "F", true),
    ])
  func importForms(line: String, module: String, isPublic: Bool) {
    let found = SwiftFile(path: "a.swift", line).imports
    #expect(found == [.init(module: module, index: 0, isPublic: isPublic)])
    #expect(SwiftFile(path: "a.swift", "// \(line)\nlet x = \"\(line)\"").imports.isEmpty)
  }

  // MARK: Layers

  @Test(
    "a wrong import is found",
    arguments: [
      ("Sources/GRPC/A.swift", "import Postgres"),
      ("Sources/GRPC/A.swift", "import CNGHTTP2"),
      ("Sources/GRPC/A.swift", "import Testing"),
      ("Sources/Postgres/A.swift", "public import CLibPQ"),
      ("services/identity/Service/Handlers/A/SignIn.swift", "import Postgres"),
      ("services/organization/Service/B.swift", "import MessagingAPI"),
      ("services/gateway/Service/C.swift", "import Postgres"),
    ])
  func wrongImport(path: String, line: String) {
    let findings = rules.imports(of: SwiftFile(path: path, "// why\n\(line)"))
    #expect(findings.first?.description.hasPrefix("\(path):2: ") == true)
  }

  @Test(
    "a right import is not",
    arguments: [
      ("Sources/GRPC/A.swift", "import HTTP2\nimport Foundation\nimport Synchronization"),
      ("Sources/Postgres/A.swift", "import CLibPQ"),
      ("services/identity/Service/Storage/Accounts.swift", "import Postgres"),
      ("services/identity/Service/Passwords.swift", "import CArgon2"),
    ])
  func rightImport(path: String, lines: String) {
    #expect(rules.imports(of: SwiftFile(path: path, lines)).isEmpty)
  }

  @Test("calls to the right, and forbidden reach, are found")
  func wrongTargets() {
    #expect(rules.calls.isEmpty)
    #expect(rules.reach.isEmpty)
    let ring = planted(
      .init(
        name: "IdentityCore", kind: "regular", folder: "services/identity/Service",
        dependencies: ["IdentityAPI", "OrganizationAPI"]))
    #expect(LayerRules(map: ring).calls.map(\.message) == ["Identity may not call Organization"])
    let deep = planted(
      .init(
        name: "GRPC", kind: "regular", folder: "Sources/GRPC", dependencies: ["Postgres"]))
    #expect(LayerRules(map: deep).reach.count == 2)  // ServiceKit, GatewayCore
  }

  @Test("a type named as a module is found")
  func moduleNames() {
    let file = SwiftFile(path: "a.swift", "public struct Postgres {\n  enum Kind { case a }\n}")
    #expect(rules.names(of: file).map(\.line) == [1])
  }

  // MARK: Text

  @Test("long files and functions are found")
  func shape() {
    let body = String(repeating: "  f()\n", count: 69)
    let long = SwiftFile(path: "a.swift", "func g() {\n\(body)}\n")
    #expect(TextRules.shape(long).map(\.line) == [1])
    let exact = SwiftFile(path: "a.swift", "func g() {\n\(body.dropFirst(6))}\n")
    #expect(TextRules.shape(exact).isEmpty)
    let lines = String(repeating: "let a = 1\n", count: 400)
    #expect(TextRules.shape(SwiftFile(path: "a.swift", lines)).isEmpty)
    #expect(TextRules.shape(SwiftFile(path: "a.swift", lines + "x\n")).count == 1)
    #expect(TextRules.shape(SwiftFile(path: "S/Generated/a.swift", lines + "x\n")).isEmpty)
  }

  @Test("unchecked promises are found")
  func safety() {
    let bare = "final class A: @unchecked Sendable {}"
    #expect(TextRules.safety(SwiftFile(path: "Sources/GRPC/A.swift", bare)).count == 1)
    let reasoned = "// Safety: one thread only.\n\(bare)"
    #expect(TextRules.safety(SwiftFile(path: "Sources/GRPC/A.swift", reasoned)).isEmpty)
    #expect(TextRules.safety(SwiftFile(path: "Sources/Feed/A.swift", reasoned)).count == 1)
  }

  @Test(
    "words that stop the process are found",
    arguments: [
      "try! f()", "a as! B", "fatalError(\"\")", "Task.detached { }",
      "FileHandle.standardError.write(Data(a))", "FileHandle.standardOutput.write(Data(a))",
    ])
  func words(line: String) {
    #expect(TextRules.words(SwiftFile(path: "Sources/A.swift", "\n" + line)).map(\.line) == [2])
    #expect(TextRules.words(SwiftFile(path: "Tests/A.swift", line)).isEmpty)
    #expect(TextRules.words(SwiftFile(path: "Sources/A.swift", "// \(line)")).isEmpty)
  }

  @Test(
    "unfinished work, SELECT * and lasting settings are found",
    arguments: [
      ("a.swift", "// TODO: later"), ("a.sh", "# FIXME"), ("a.sql", "  SELECT * FROM a;"),
      ("a.swift", "\"select  * from a\""), ("a.sql", "SELECT set_config('a', 'b', false);"),
    ])
  func notes(path: String, line: String) {
    #expect(TextRules.notes(TextFile(path: path, text: line)).count == 1)
  }

  @Test(
    "what only looks so is not",
    arguments: ["// TODO(#12): x", "SELECT count(*)", "from (select * from a)", "(\n  select *"])
  func harmlessNotes(line: String) {
    #expect(TextRules.notes(TextFile(path: "a.swift", text: line)).isEmpty)
  }

  @Test(
    "empty names are found", arguments: ["AccountManager", "StringUtils", "CommonError", "NewA"])
  func names(name: String) {
    #expect(TextRules.names(SwiftFile(path: "a.swift", "struct \(name) {}")).count == 1)
    #expect(TextRules.names(SwiftFile(path: "a.swift", "struct Newest {}\nenum Base64 {}")).isEmpty)
  }

  @Test("a second place that sets the tenant is found")
  func prologue() {
    let one = SwiftFile(path: "a.swift", "func f() {\n  q(\"set_config('a', $1, true)\")\n}")
    let two = SwiftFile(path: "b.swift", "func g() {\n  q(\"set_config('a', $1, true)\")\n}")
    let comment = SwiftFile(path: "c.swift", "// set_config( is elsewhere")
    #expect(TextRules.prologue([one, comment]).isEmpty)
    #expect(TextRules.prologue([one, two]).count == 2)
  }

  // MARK: Protos and files

  private static let proto = """
    syntax = "proto3";
    package clientele.identity.v1;
    service IdentityService {
      // Says who is there.
      rpc SignIn(SignInRequest) returns (SignInResponse) {
        option (clientele.common.v1.access) = { callers: ["gateway"] effect: EFFECT_WRITE };
      }
      rpc GetKey(GetKeyRequest) returns (Key) {
        option (clientele.common.v1.access) = {
          callers: "organization"
          callers: "messaging"
        };
      }
    }
    """

  private func repository(_ texts: [(String, String)]) -> Repository {
    let proto = TextFile(path: "protos/clientele/identity/v1/identity.proto", text: Self.proto)
    return Repository(texts: [proto] + texts.map { TextFile(path: $0.0, text: $0.1) })
  }

  @Test("an rpc without handler or test is found, and a handler without rpc")
  func rpcFiles() {
    let repository = repository([
      (
        "services/identity/Service/Handlers/Sessions/SignIn.swift", "func signIn(_ request: A) {\n}"
      ),
      (
        "services/identity/Service/Handlers/Sessions/SignAway.swift",
        "func signAway(_ request: A) {\n}"
      ),
      ("services/identity/Service/Handlers/Sessions/SessionValue.swift", "struct A {}"),
      ("services/identity/Tests/SignInTests.swift", ""),
    ])
    let rules = RPCRules(repository)
    #expect(rules.files().map(\.line) == [8, 8])
    #expect(
      rules.handlers(repository.swift).map(\.path).map { $0.hasSuffix("SignAway.swift") } == [true])
  }

  @Test("a caller that may not call is found")
  func callers() {
    let findings = RPCRules(repository([])).callers(Self.map)
    #expect(findings.map(\.line) == [8])
    #expect(findings.first?.message.contains("messaging") == true)
  }

  @Test("an rpc that no proto has is found")
  func rpcNames() {
    let file = SwiftFile(
      path: "services/identity/Service/IdentityError.swift",
      """
      let a = "clientele.identity.v1.IdentityService/SignIn"
      let b = "clientele.identity.v1.IdentityService/SignUp"
      let c = [Resolution.calling("GetKey", "x"), .calling("GetDoor", "y")]
      """)
    #expect(RPCRules(repository([])).names([file]).map(\.line) == [2, 3])
  }

  @Test("gaps and odd names of migrations are found")
  func migrations() {
    let folder = "services/identity/migrations/"
    let good: Set = ["\(folder)0001_a.sql", "\(folder)0002_b.sql"]
    #expect(FileRules.migrations(good).isEmpty)
    #expect(FileRules.migrations(good.union(["\(folder)0004_c.sql"])).count == 1)
    #expect(FileRules.migrations(good.union(["\(folder)0002_c.sql"])).count == 1)
    #expect(FileRules.migrations(good.union(["\(folder)3_c.sql"])).count == 1)
    #expect(FileRules.migrations(["\(folder)0007_a.sql"]).count == 1)
  }

  @Test("a service without its page is found")
  func services() {
    let parts = ["README.md", "Main", "Service", "Tests"]
    let all = PackageMap.order.map(PackageMap.folder).flatMap { folder in
      parts.map { "services/\(folder)/\($0)" }
    }
    #expect(FileRules.services(Set(all)).isEmpty)
    let findings = FileRules.services(Set(all).subtracting(["services/identity/README.md"]))
    #expect(findings.map(\.path) == ["services/identity/README.md"])
  }

  @Test("dead links are found")
  func links() {
    let repository = Repository(texts: [
      TextFile(path: "docs/a.md", text: "# One two\n[b](b.md) [c](../c.md#x-y)\n`[d](d.md)`"),
      TextFile(path: "docs/b.md", text: "[a](a.md#one-two) [gone](gone.md)\n```\n[e](e.md)\n```"),
      TextFile(path: "c.md", text: "## X\n[up](../d.md) [out](https://example.org)"),
    ])
    let findings = FileRules.links(repository).sorted().map { "\($0.path):\($0.line)" }
    #expect(findings == ["c.md:2", "docs/a.md:2", "docs/b.md:1"])
  }
}
