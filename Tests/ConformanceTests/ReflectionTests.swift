import GRPC
import Protobuf
import ReflectionClient
import TestKit
import Testing

/// A server of PyPI grpcio, of which nothing is known but what it tells; its JSON is PyPI protobuf's.
@Suite("Calls by reflection to a stock server", .timeLimit(.minutes(5)))
struct ReflectionTests {
  /// What the server offers and sends along.
  enum Server: String, CaseIterable, Sendable {
    /// v1alpha alone, with all files.
    case stock
    /// v1 alone, with one file an answer.
    case single
  }

  private struct Probe {
    let channel: ClientChannel
    let pool: DescriptorPool

    func message(_ json: JSONValue, _ typeName: String) throws -> DynamicMessage {
      try DynamicMessage(json: json, as: typeName, in: pool)
    }

    func call(_ name: String, _ request: JSONValue) async throws -> DynamicMessage {
      let methods = pool.services["probe.v1.Probe"] ?? []
      let method = try #require(methods.first { $0.path.hasSuffix("/\(name)") })
      let answer = try await channel.unary(
        path: method.path, request: message(request, method.inputType).serialized(),
        options: CallOptions(timeout: .seconds(20)))
      return try DynamicMessage(serialized: answer.message, as: method.outputType, in: pool)
    }
  }

  private func with(_ server: Server, _ body: (Probe) async throws -> Void) async throws {
    let script = Peer.script("reflection_server.py")
    let peer = try await Peer.serve(script.program, script.arguments + [server.rawValue])
    defer { peer.stop() }
    let port = try #require(peer.address.split(separator: ":").last.flatMap { Int($0) })
    let channel = try ClientChannel(host: "127.0.0.1", port: port)
    do {
      let reflection = Reflection(channel: channel)
      #expect(try await reflection.services().contains("probe.v1.Probe"))
      let pool = try await reflection.pool(containing: "probe.v1.Probe")
      #expect(pool.missingFiles.isEmpty)
      try await body(Probe(channel: channel, pool: pool))
      await channel.close()
    } catch {
      await channel.close()
      throw error
    }
  }

  /// As we write them.
  private static let texts = [
    #"{}"#,
    #"{"double":0.5,"float":-1.5,"int64":"-9007199254740993","uint64":"18446744073709551615"}"#,
    #"{"int32":0,"uint32":4294967295,"bool":false,"string":"","bytes":"AP8="}"#,
    #"{"double":"NaN","float":"-Infinity"}"#,
    #"{"strings":["a","","ß"],"numbers":{"a":"0","b":"-1"}}"#,
    #"{"struct":{}}"#,
    #"{"struct":{"":"empty key","a":null,"b":true,"c":-1.5,"d":"t","e":[1,[],{}],"f":{"g":{}}}}"#,
    #"{"value":null}"#, #"{"value":0.0}"#, #"{"value":""}"#, #"{"value":false}"#, #"{"value":{}}"#,
    #"{"value":[]}"#, #"{"value":{"@type":"no Any","value":[null]}}"#,
    #"{"list":[]}"#, #"{"list":[null,1,"x",[null],{"a":null}]}"#,
    #"{"values":[null,1,{}],"named":{"a":null,"b":[1]}}"#,
    #"{"nothing":null}"#, #"{"something":null}"#,
    #"{"time":"2026-01-31T10:00:00.500Z","length":"-1.500s","mask":"a,bC.d","empty":{}}"#,
    #"{"any":{"@type":"type.googleapis.com/google.protobuf.StringValue","value":"x"}}"#,
    #"{"any":{"@type":"type.googleapis.com/google.protobuf.Struct","value":{"a":[null]}}}"#,
    #"{"any":{"@type":"type.googleapis.com/google.protobuf.Value","value":1}}"#,
    #"{"any":{"@type":"type.googleapis.com/google.protobuf.Duration","value":"1s"}}"#,
  ]

  @Test("well-known types have the JSON that they have elsewhere", arguments: Server.allCases)
  func json(server: Server) async throws {
    try await with(server) { probe in
      for text in Self.texts {
        let json = try JSONValue(utf8: Array(text.utf8))
        let ours = try probe.message(json, "probe.v1.All")
        // Their reading of our bytes, our reading of their text, their reading of our text.
        let told = try #require(try await probe.call("Tell", json).json.string)
        let theirs = try probe.message(JSONValue(utf8: Array(told.utf8)), "probe.v1.All")
        #expect(theirs.json == ours.json, "\(told)")
        let written = String(decoding: ours.json.utf8, as: UTF8.self)
        #expect(written == text)
        #expect(try await probe.call("Read", .string(written)).json == json)
      }
    }
  }

  @Test("what is no value of a well-known type is refused where it stands")
  func misfits() async throws {
    try await with(.stock) { probe in
      for (text, path) in [
        (#"{"string":1}"#, "string"), (#"{"int32":"x"}"#, "int32"), (#"{"bool":{}}"#, "bool"),
        (#"{"strings":["a",null]}"#, "strings[1]"), (#"{"struct":[]}"#, "struct"),
        (#"{"struct":{"a":[{"b":1e999}]}}"#, "struct.a[0].b"), (#"{"list":{}}"#, "list"),
        (#"{"nothing":1,"something":1}"#, "something"), (#"{"empty":{"a":1}}"#, "empty.a"),
        (#"{"struct":{"a\u0000":1}}"#, "struct.a\0"),
      ] {
        let json = try JSONValue(utf8: Array(text.utf8))
        let error = #expect(throws: JSONMappingError.self) {
          try probe.message(json, "probe.v1.All")
        }
        #expect(error?.path == path, "\(text)")
      }
    }
  }

  @Test("an answer may have five structs inside a struct, and no more")
  func depth() async throws {
    try await with(.single) { probe in
      let nested = try await probe.call("Nest", 6).json
      #expect(String(decoding: nested.utf8, as: UTF8.self).count == #"{"in":}"#.count * 5 + 2)
      let error = await #expect(throws: DecodeError.self) { try await probe.call("Nest", 7) }
      #expect(error?.kind == .tooDeep)
    }
  }

  @Test("a request with gaps may be such a value itself, or have some inside")
  func templates() async throws {
    try await with(.stock) { probe in
      let cases: [(String, JSONValue, JSONValue)] = [
        ("google.protobuf.StringValue", "{{x}}", "7"),
        ("google.protobuf.Int32Value", "{{x}}", 7),
        ("google.protobuf.Struct", ["a": ["{{x}}", 1]], ["a": ["7", 1]]),
        (
          "probe.v1.All", ["uint64": "{{x}}", "struct": ["a": "{{x}}"], "bool": true],
          ["uint64": "7", "bool": true, "struct": ["a": "7"]]
        ),
      ]
      for (typeName, json, expected) in cases {
        let template = try MessageTemplate(json: json, as: typeName, in: probe.pool) {
          $0.hasPrefix("{{")
        }
        let bytes = try template.serialized { _ in "7" }
        let filled = try DynamicMessage(serialized: bytes, as: typeName, in: probe.pool)
        #expect(filled.json == expected)
      }
    }
  }
}
