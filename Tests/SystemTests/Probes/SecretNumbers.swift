import Foundation
import Testing

/// Register numbers of people who do not exist, made for one run.
struct SecretNumbers: Sendable {
  let national = Self.nationalNumber()
  let partner = Self.nationalNumber()
  let social = Self.socialInsuranceNumber()
  /// Valid but for its last digit.
  let mistyped: String

  init() {
    let number = Self.nationalNumber()
    mistyped = String(number.dropLast()) + (number.last == "0" ? "1" : "0")
  }

  /// By what they are, as they are typed and as they are kept.
  var spellings: [(what: String, text: String)] {
    let all = [
      ("a national number", national), ("a partner's number", partner), ("a SIN", social),
      ("a mistyped number", mistyped),
    ]
    return all + all.map { ($0.0, $0.1.filter(\.isNumber)) }
  }

  /// Records the basis, keeps the numbers, reads and finds them, in all the ways that staff do.
  func use(_ practice: Practice) async throws {
    let console = practice.console
    func post(
      _ path: String, _ body: [String: any Sendable], key: UUID? = nil
    ) async throws -> [String: Any] {
      try await console.persistently("POST", "\(practice.path)\(path)", body, key: key)
    }
    _ = try await post("/nationalNumberBasis", ["basis": "Article 5"], key: UUID())
    let client = try await practice.createClient(
      email: "numbers.\(UUID().uuidString.lowercased())@clients.example", family: "Numbers")
    let id = try #require(client["clientId"] as? String)
    let kinds = [
      ("NATIONAL_NUMBER", national), ("PARTNER_NATIONAL_NUMBER", partner),
      ("SOCIAL_INSURANCE_NUMBER", social),
    ].map { ("IDENTIFIER_KIND_\($0.0)", $0.1) }
    for (kind, number) in kinds {
      let body = ["kind": kind, "number": number]
      let key = UUID()
      let kept = try await post("/clients/\(id)/identifiers", body, key: key)
      #expect((kept["masked"] as? String)?.hasPrefix("**") == true)
      _ = try await post("/clients/\(id)/identifiers", body, key: key)
      let read = try await post(
        "/clients/\(id)/identifiers:reveal", ["kind": kind, "reason": "system test"])
      #expect(read["number"] as? String == number)
      let found = try await post("/clients:findByIdentifier", body)
      #expect(found["clientId"] as? String == id)
    }
    for path in ["/clients/\(id)/identifiers", "/clients:findByIdentifier"] {
      await #expect(throws: (any Error).self) {
        try await post(path, ["kind": "IDENTIFIER_KIND_NATIONAL_NUMBER", "number": mistyped])
      }
    }
  }

  /// Of a birth in the last century, at random; 10⁷ of them.
  private static func nationalNumber() -> String {
    let year = Int.random(in: 30...99)
    let month = Int.random(in: 1...12)
    let day = Int.random(in: 1...28)
    let count = Int.random(in: 1...997)
    let check = 97 - (((year * 100 + month) * 100 + day) * 1_000 + count) % 97
    return String(format: "%02d.%02d.%02d-%03d.%02d", year, month, day, count, check)
  }

  private static func socialInsuranceNumber() -> String {
    let first = Int.random(in: 10_000_000...79_999_999)
    let digits = String(first).compactMap(\.wholeNumberValue)
    let sum = digits.enumerated().reduce(0) { sum, digit in
      let doubled = digit.offset.isMultiple(of: 2) ? digit.element : digit.element * 2
      return sum + (doubled > 9 ? doubled - 9 : doubled)
    }
    let text = "\(first)\((10 - sum % 10) % 10)"
    return "\(text.prefix(3))-\(text.dropFirst(3).prefix(3))-\(text.suffix(3))"
  }
}
