import ServiceKit
import Testing

@Suite struct EmailAddressTests {
  @Test(
    "addresses that can be written to",
    arguments: [
      ("ada@example.org", "ada@example.org"),
      ("  Ada.Lovelace+tag@Example.ORG ", "ada.lovelace+tag@example.org"),
      ("o'connor@example.org", "o'connor@example.org"),
      ("zoé@exämple.org", "zoé@xn--exmple-cua.org"),
      ("zoe\u{301}@example.org", "zoé@example.org"),
      ("a@b-c.co", "a@b-c.co"),
    ])
  func accepted(typed: String, normalized: String) throws {
    let address = try #require(EmailAddress(typed))
    #expect(address.normalized == normalized)
  }

  @Test(
    "what is no address",
    arguments: [
      "", "ada", "@example.org", "ada@", "ada@example", "ada@@example.org", ".ada@example.org",
      "ada.@example.org", "a..b@example.org", "a b@example.org", "\"a b\"@example.org",
      "ada@[127.0.0.1]", "ada@127.0.0.1", "ada@-example.org", "ada@exa_mple.org",
      "ada@exa＿mple.org",
      "admin@x.example\0@evil.example", "ada@example.org\r\nBcc: x@example.org",
      "a\u{202e}b@example.org", "ada@example.org\0.evil.example",
    ])
  func refused(typed: String) {
    #expect(EmailAddress(typed) == nil)
  }

  @Test("the longest local part has 64 octets, the longest address 254")
  func limits() {
    let local = String(repeating: "a", count: 64)
    #expect(EmailAddress("\(local)@example.org") != nil)
    #expect(EmailAddress("a\(local)@example.org") == nil)
    let label = String(repeating: "b", count: 60)
    let domain = [label, label, label].joined(separator: ".")
    #expect(EmailAddress("\(String(repeating: "a", count: 68 - 4))@\(domain).org") != nil)
    #expect(EmailAddress("\(local)@\(domain).bbbb.org") == nil)
  }

  @Test("dots and plus tags tell people apart")
  func noFolding() {
    #expect(EmailAddress("a.b@example.org") != EmailAddress("ab@example.org"))
    #expect(
      EmailAddress("a+b@example.org")?.normalized != EmailAddress("a@example.org")?.normalized)
  }

  @Test("a masked address shows its first letter and its domain")
  func masked() {
    #expect(EmailAddress("julie@example.org")?.masked == "j***@example.org")
  }
}
