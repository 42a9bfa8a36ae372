import Foundation
import GRPC
import ServiceKit
import Testing

@Suite struct ParseTests {
  @Test("every bad field is named at once")
  func allFieldsAtOnce() throws {
    var errors = FieldErrors()
    #expect(Parse.text("", "given_name", 1...100, &errors) == nil)
    #expect(Parse.uuid("nonsense", "branch_id", &errors) == nil)
    #expect(Parse.language("xx", "language", &errors) == nil)
    let refusal = #expect(throws: RPCError.self) { try errors.throwIfAny() }
    #expect(refusal?.code == .invalidArgument)
    #expect(refusal?.reason == "FIELDS_INVALID")
    #expect(refusal?.violations.map(\.field) == ["given_name", "branch_id", "language"])
  }

  @Test("text is composed, trimmed, and free of control characters")
  func text() {
    var errors = FieldErrors()
    #expect(Parse.text("  Zoe\u{301} ", "name", 1...10, &errors) == "Zo\u{e9}")
    #expect(Parse.text("D'Hondt", "name", 1...10, &errors) == "D'Hondt")
    #expect(errors.isEmpty)
    for bad in ["a\0b", "a\nb", "a\u{2028}b", String(repeating: "x", count: 11)] {
      #expect(Parse.text(bad, "name", 1...10, &errors) == nil)
    }
    #expect(errors.violations.count == 4)
  }

  @Test("text is counted in code points, as the database counts it")
  func codePoints() {
    var errors = FieldErrors()
    let family = "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}\u{200d}\u{1f466}"
    let seven = String(repeating: family, count: 7)
    #expect(Parse.text(seven, "label", 1...50, &errors) == seven)
    #expect(errors.isEmpty)
    #expect(Parse.text(seven + family, "label", 1...50, &errors) == nil)
    let accented = "e" + String(repeating: "\u{301}", count: 120)
    #expect(Parse.text(accented, "given_name", 1...100, &errors) == nil)
    #expect(errors.violations.map(\.field) == ["label", "given_name"])
  }

  @Test(
    "languages in canonical case",
    arguments: [("FR", "fr"), ("fr-ca", "fr-CA"), ("nl-BE", "nl-BE"), ("en", "en")])
  func language(typed: String, canonical: String) {
    var errors = FieldErrors()
    #expect(Parse.language(typed, "language", &errors) == canonical)
    #expect(errors.isEmpty)
  }

  @Test("languages nobody speaks here", arguments: ["", "de", "fr-", "fr-CAN", "fr-C1", "fr-CA-x"])
  func badLanguage(typed: String) {
    var errors = FieldErrors()
    #expect(Parse.language(typed, "language", &errors) == nil)
    #expect(!errors.isEmpty)
  }

  @Test("page sizes at their edges")
  func pageSize() {
    var errors = FieldErrors()
    #expect(Parse.pageSize(0, &errors) == 50)
    #expect(Parse.pageSize(500, &errors) == 500)
    #expect(errors.isEmpty)
    _ = Parse.pageSize(501, &errors)
    _ = Parse.pageSize(-1, &errors)
    #expect(errors.violations.count == 2)
  }

  @Test("a page token belongs to its filters and has its keys")
  func pageToken() {
    let text = PageToken(keys: ["Lambert", "Julie"]).text(filters: ["org", "NAME"])
    #expect(PageToken(text, filters: ["org", "NAME"], keyCount: 2)?.keys == ["Lambert", "Julie"])
    #expect(PageToken(text, filters: ["org", "TIME"], keyCount: 2) == nil)
    #expect(PageToken(text, filters: ["or", "gNAME"], keyCount: 2) == nil)
    #expect(PageToken(text, filters: ["org", "NAME"], keyCount: 3) == nil)
    #expect(PageToken("!!", filters: [], keyCount: 0) == nil)
    for length in 0..<text.utf8.count {
      let cut = String(text.prefix(length))
      #expect(PageToken(cut, filters: ["org", "NAME"], keyCount: 2) == nil)
    }
    // Two names of 100 Hangul syllables, decomposed as they are sorted by, and an id.
    let hangul = String(repeating: "\u{1112}\u{1161}\u{11ab}", count: 100)
    let long = PageToken(keys: ["\(hangul) \(hangul)", UUIDv7.make().text])
    #expect(PageToken(long.text(filters: []), filters: [], keyCount: 2) == long)
    // What no text of the database can hold is no row's key.
    let nul = PageToken(keys: ["Lam\0bert"]).text(filters: [])
    #expect(PageToken(nul, filters: [], keyCount: 1) == nil)
    let empty = PageToken(keys: ["", "é"]).text(filters: [])
    #expect(PageToken(empty, filters: [], keyCount: 2)?.keys == ["", "é"])
  }

  @Test("new ids are version 7, in order of time, and no two alike")
  func ids() {
    let early = UUIDv7.make(at: Date(timeIntervalSince1970: 1_700_000_000))
    let late = UUIDv7.make(at: Date(timeIntervalSince1970: 1_700_000_001))
    #expect(early.text < late.text)
    #expect(early.text.split(separator: "-")[2].first == "7")
    #expect("89ab".contains(early.text.split(separator: "-")[3].first ?? "x"))
    #expect(Set((0..<1000).map { _ in UUIDv7.make() }).count == 1000)
  }

  @Test("an id derived twice is the same, and differs by label")
  func derived() {
    let id = UUIDv7.make()
    #expect(id.derived("account") == id.derived("account"))
    #expect(id.derived("account") != id.derived("invitation"))
    #expect(id.derived("account").text.split(separator: "-")[2].first == "8")
  }
}

@Suite struct UUIDTextTests {
  @Test("ids are read in either case, as Foundation reads them")
  func readable() {
    for _ in 0..<200 {
      let id = UUID()
      #expect(UUID(text: id.uuidString) == id)
      #expect(UUID(text: id.text) == id)
    }
  }

  @Test(
    "what is no id",
    arguments: [
      "", "x", "01a2009a-2c20-7ff3-9ca7-793531cdb27", "01a2009a-2c20-7ff3-9ca7-793531cdb2722",
      "01a2009a02c20-7ff3-9ca7-793531cdb272", "g1a2009a-2c20-7ff3-9ca7-793531cdb272",
      "{1a2009a-2c20-7ff3-9ca7-793531cdb27}", "０1a2009a-2c20-7ff3-9ca7-793531cdb",
    ])
  func unreadable(text: String) {
    #expect(UUID(text: text) == nil)
  }
}
