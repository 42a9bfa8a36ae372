import ClientDirectoryAPI
import Testing

@testable import ClientDirectoryCore

@Suite struct RegisterNumberTests {
  @Test(
    "national numbers: of either century, bis numbers, dates that nobody knows",
    arguments: [
      ("85.07.30-033.28", "85073003328"), ("85073003328", "85073003328"),
      ("17.07.30-033.84", "17073003384"), ("98.47.28-997.65", "98472899765"),
      ("01.49.07-001.85", "01490700185"), (" 85 07 30 / 033 - 28 ", "85073003328"),
      // An unknown date (000001), the counter of a day used up (month 0), 29 February of 2000.
      (numbered("000001001"), numbered("000001001")),
      (numbered("850000001"), numbered("850000001")),
      (numbered("000229001", isLate: true), numbered("000229001", isLate: true)),
      // Sex unknown: 20 more.
      (numbered("982728001"), numbered("982728001")),
    ])
  func valid(text: String, digits: String) {
    for kind in [IdentifierKind.nationalNumber, .partnerNationalNumber] {
      #expect(RegisterNumber(text, kind, year: 2026)?.digits == digits)
    }
    #expect(RegisterNumber(text, .socialInsuranceNumber, year: 2026) == nil)
  }

  @Test(
    "national numbers that are none",
    arguments: [
      "", "12345678901", "85.07.30-033.29", "85.07.30-033.2", "85.07.30-033.280", "8507300332a",
      "85\u{0667}73003328", "(85)073003328", "+85073003328",
      // No such day or month; no 29 February of 1900; a counter of 0 or 999.
      numbered("850732001"), numbered("850230001"), numbered("851301001"), numbered("855301001"),
      numbered("000229001"), numbered("850730000"), numbered("850730999"),
      // Born after this year.
      numbered("270730001", isLate: true),
      String(repeating: " ", count: 40) + "85073003328",
    ])
  func invalid(text: String) {
    #expect(RegisterNumber(text, .nationalNumber, year: 2026) == nil)
  }

  @Test("the next century's are taken once it is the year")
  func century() {
    let text = numbered("270730001", isLate: true)
    #expect(RegisterNumber(text, .nationalNumber, year: 2027) != nil)
  }

  @Test("no digit of a number can be wrong, and no two neighbours can change places")
  func typing() {
    let digits = Array("85073003328")
    for index in digits.indices {
      for digit in "0123456789" where digit != digits[index] {
        var typed = digits
        typed[index] = digit
        #expect(RegisterNumber(String(typed), .nationalNumber, year: 1999) == nil)
      }
      if index > 0, digits[index] != digits[index - 1] {
        var typed = digits
        typed.swapAt(index, index - 1)
        #expect(RegisterNumber(String(typed), .nationalNumber, year: 1999) == nil)
      }
    }
  }

  @Test(
    "social insurance numbers",
    arguments: [
      ("123-456-782", true), ("123456782", true), ("999-999-999", false), ("823456785", false),
      ("046 454 286", false), ("123-456-783", false), ("12345678", false), ("1234567820", false),
    ])
  func socialInsurance(text: String, isValid: Bool) {
    #expect((RegisterNumber(text, .socialInsuranceNumber, year: 2026) != nil) == isValid)
    #expect(RegisterNumber(text, .unspecified, year: 2026) == nil)
  }

  @Test("temporary residents have numbers that begin with 9")
  func temporary() {
    let valid = (0...9).compactMap {
      RegisterNumber("90000000\($0)", .socialInsuranceNumber, year: 2026)
    }
    #expect(valid.count == 1)
  }

  @Test("how they are written and shown")
  func forms() {
    let national = RegisterNumber("85073003328", .nationalNumber, year: 2026)
    #expect(national?.written == "85.07.30-033.28")
    #expect(national?.masked == "**.**.**-***.28")
    let social = RegisterNumber("123456782", .socialInsuranceNumber, year: 2026)
    #expect(social?.written == "123-456-782")
    #expect(social?.masked == "***-***-782")
  }

  @Test("a reason that could hold a number is told from one with a date")
  func reasons() {
    for text in ["85.07.30-033.28", "for 85073003328", "123 456 782", "no 1 2 3 4 5 6 7 8 9"] {
      #expect(RegisterNumber.mayStand(in: text), "\(text)")
    }
    for text in ["tax return of 2026-11-22", "file 1234, page 56789", ""] {
      #expect(!RegisterNumber.mayStand(in: text), "\(text)")
    }
  }
}

/// Nine digits with their check digits; `isLate` for births from 2000 on.
private func numbered(_ nine: String, isLate: Bool = false) -> String {
  let value = (Int(nine) ?? 0) + (isLate ? 2_000_000_000 : 0)
  let check = 97 - value % 97
  return nine + (check < 10 ? "0\(check)" : "\(check)")
}
