import Protobuf
import Testing

@Suite("JSON texts")
struct JSONValueTests {
  private func read(_ text: String) -> JSONValue? { try? JSONValue(utf8: Array(text.utf8)) }

  @Test func valuesAreRead() {
    #expect(read(" null ") == .null)
    #expect(read("[true,false]") == [true, false])
    #expect(read("-12.5e+3") == .number("-12.5e+3"))
    #expect(read(#""a\"\\\/\b\f\n\r\tä𝄞""#) == .string("a\"\\/\u{8}\u{c}\n\r\tä𝄞"))
    #expect(read(#"{"a":1,"b":[{}]}"#) == ["a": 1, "b": [[:]]])
  }

  @Test func whatIsNoJSONIsRefused() {
    let bad = [
      "", " ", "nul", "tru", "01", "1.", ".5", "-", "1e", "+1", "NaN", "Infinity", "'a'", "\"a",
      "\"\\x\"", "\"\\u12\"", "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"a\nb\"",
      "[1,]",
      "[1 2]", "{,}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}", "[1]]", "{\"a\":1,\"a\":2}",
      "1 2",
      "\u{FEFF}1",
    ]
    for text in bad { #expect(read(text) == nil, "\(text)") }
    #expect((try? JSONValue(utf8: [0x22, 0xFF, 0x22])) == nil)
  }

  @Test func limitsHoldAtTheirEdge() {
    func nested(_ depth: Int) -> String {
      String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    }
    #expect(read(nested(32)) != nil)
    #expect(read(nested(33)) == nil)
    #expect(read(String(repeating: "[", count: 1_000_000)) == nil)
    func keys(_ count: Int) -> String {
      "{" + (0..<count).map { "\"k\($0)\":0" }.joined(separator: ",") + "}"
    }
    #expect(read(keys(10_000)) != nil)
    #expect(read(keys(10_001)) == nil)
    #expect(read(String(repeating: "1", count: 32)) != nil)
    #expect(read(String(repeating: "1", count: 33)) == nil)
  }

  @Test func whatIsWrittenReadsBack() {
    let value: JSONValue = [
      "text": "\u{1}\"\\\n\u{7F}ä𝄞", "list": [1, "2", .null, [:], []], "deep": ["a": ["b": true]],
    ]
    #expect((try? JSONValue(utf8: value.utf8)) == value)
    #expect((try? JSONValue(utf8: value.prettyUTF8)) == value)
    #expect(
      String(decoding: (["a": [1]] as JSONValue).prettyUTF8, as: UTF8.self)
        == "{\n  \"a\": [\n    1\n  ]\n}")
  }

  @Test func everyPrefixIsRefusedInGoodOrder() {
    let text = Array(#"{"a":[1.5e3,"\u00e4\ud834\udd1e",true,null],"b":{"c":-0}}"#.utf8)
    for count in 0..<text.count { #expect((try? JSONValue(utf8: text.prefix(count))) == nil) }
    #expect((try? JSONValue(utf8: text)) != nil)
  }

  @Test func objectsKeepTheirOrder() {
    var object: JSONObject = ["b": 1, "a": 2]
    object["b"] = 3
    object["c"] = 4
    object["a"] = nil
    #expect(object.members.map(\.key) == ["b", "c"])
    #expect(object["b"] == 3)
  }

  @Test func base64IsReadInEverySpelling() {
    for count in 0..<20 {
      let bytes = (0..<count).map { UInt8(truncatingIfNeeded: 251 &* ($0 + 1)) }
      let text = Base64.encode(bytes)
      #expect(Base64.decode(text) == bytes)
      let bare = text.replacing("=", with: "").replacing("+", with: "-").replacing("/", with: "_")
      #expect(Base64.decode(bare) == bytes)
    }
    for text in ["a", "a===", "ab=", "ab=c", "a b=", "äää="] { #expect(Base64.decode(text) == nil) }
  }
}
