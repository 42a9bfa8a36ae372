import CommonAPI
import Protobuf
import TestProtosAPI
import Testing

@Suite("Proto3 JSON, generated and by descriptors alike")
struct MappingTests {
  /// What both mappings make of a text: the generated one's answer, or its error.
  private func read(_ text: String) -> Result<Everything, JSONMappingError> {
    guard let json = try? JSONValue(utf8: Array(text.utf8)), let pool = Sample.pool else {
      return .failure(JSONMappingError("not JSON"))
    }
    var dynamic: Result<[UInt8], JSONMappingError>
    do throws(JSONMappingError) {
      dynamic = .success(
        try DynamicMessage(json: json, as: Everything.fullName, in: pool).serialized())
    } catch { dynamic = .failure(error) }
    do throws(JSONMappingError) {
      let message = try Everything(json: json)
      // Compared as messages: −0 is nothing to libprotobuf-c.
      let other = try? Everything(serialized: (try? dynamic.get()) ?? [0])
      #expect(other == message, "\(text)")
      return .success(message)
    } catch {
      if case .failure(let other) = dynamic {
        #expect(other == error, "\(text)")
      } else {
        Issue.record("DynamicMessage takes \(text)")
      }
      return .failure(error)
    }
  }

  private func value(_ text: String) -> Everything? { try? read(text).get() }

  private func failure(_ text: String) -> JSONMappingError? {
    if case .failure(let error) = read(text) { return error }
    return nil
  }

  @Test(arguments: [
    (#"{"oneInt32":5}"#, 5), (#"{"oneInt32":"5"}"#, 5), (#"{"oneInt32":5.0}"#, 5),
    (#"{"oneInt32":5e0}"#, 5), (#"{"oneInt32":0.5e1}"#, 5), (#"{"oneInt32":1e9}"#, 1_000_000_000),
    (#"{"oneInt32":-2147483648}"#, .min), (#"{"oneInt32":"2147483647"}"#, .max),
    (#"{"one_int32":7}"#, 7), (#"{"oneInt32":null}"#, 0), (#"{"oneInt32":50000e-4}"#, 5),
    (#"{"oneInt32":-0}"#, 0), (#"{"oneInt32":0e99999}"#, 0),
  ])
  func wholeNumbers(_ text: String, _ number: Int32) {
    #expect(value(text)?.oneInt32 == number)
  }

  @Test(arguments: [
    #"{"oneInt32":2147483648}"#, #"{"oneInt32":-2147483649}"#, #"{"oneInt32":1.5}"#,
    #"{"oneInt32":true}"#, #"{"oneInt32":""}"#, #"{"oneInt32":" 1"}"#, #"{"oneInt32":"1 "}"#,
    #"{"oneInt32":"0x1"}"#, #"{"oneInt32":"01"}"#, #"{"oneInt32":[1]}"#, #"{"oneInt32":{}}"#,
    #"{"oneInt32":1e99999}"#, #"{"oneUint32":-1}"#, #"{"oneUint32":4294967296}"#,
    #"{"oneInt64":"9223372036854775808"}"#, #"{"oneUint64":"18446744073709551616"}"#,
    #"{"oneBool":"true"}"#, #"{"oneBool":1}"#, #"{"oneString":1}"#, #"{"oneString":"a\u0000b"}"#,
    #"{"oneBytes":"*"}"#, #"{"oneBytes":"A"}"#, #"{"oneBytes":[1]}"#, #"{"oneDouble":"x"}"#,
    #"{"oneDouble":1e999}"#, #"{"oneFloat":1e39}"#, #"{"oneDouble":"nan"}"#, #"{"oneDouble":""}"#,
    #"{"oneColor":"RED"}"#, #"{"oneColor":1.5}"#, #"{"oneColor":true}"#, #"{"oneInner":[]}"#,
    #"{"oneInner":"x"}"#, #"{"unknown":null}"#, #"{"manyInt32":1}"#, #"{"manyInt32":[null]}"#,
    #"{"manyInner":[null]}"#, #"{"byInt32":[]}"#, #"{"byInt32":{"x":"y"}}"#,
    #"{"byInt32":{"1":null}}"#, #"{"byBool":{"True":""}}"#, #"{"byUint32":{"-1":""}}"#,
    #"{"oneInt32":1,"one_int32":1}"#, #"{"pickInt32":1,"pickString":"x"}"#,
    #"{"timestamp":"2026-01-31"}"#, #"{"timestamp":"2026-02-30T00:00:00Z"}"#,
    #"{"timestamp":"2026-01-31T10:00:00"}"#, #"{"timestamp":"2026-01-31T25:00:00Z"}"#,
    #"{"timestamp":"2026-01-31t10:00:00Z"}"#, #"{"timestamp":"10000-01-01T00:00:00Z"}"#,
    #"{"timestamp":"0001-01-01T00:00:00+01:00"}"#, #"{"timestamp":5}"#,
    #"{"timestamp":"2026-01-31T10:00:00.0123456789Z"}"#, #"{"timestamp":"2026-01-31T10:00:00.Z"}"#,
    #"{"duration":"1"}"#, #"{"duration":"s"}"#, #"{"duration":"1.s"}"#, #"{"duration":"1.5S"}"#,
    #"{"duration":"315576000001s"}"#, #"{"duration":"--1s"}"#, #"{"fieldMask":"a_b"}"#,
    #"{"fieldMask":"a,,b"}"#, #"{"fieldMask":["a"]}"#, #"{"any":{"value":"AA=="}}"#, "[]", "1",
    "null", "\"\"",
  ])
  func whatIsNoMessageIsRefused(_ text: String) {
    #expect(failure(text) != nil)
  }

  @Test func realNumbers() {
    #expect(value(#"{"oneDouble":"-Infinity"}"#)?.oneDouble == -.infinity)
    #expect(value(#"{"oneDouble":"1.5e3"}"#)?.oneDouble == 1500)
    #expect(value(#"{"oneFloat":3.4028235e38}"#)?.oneFloat == .greatestFiniteMagnitude)
    #expect(value(#"{"maybeDouble":-0.0}"#)?.maybeDouble?.sign == .minus)
    #expect(Everything(oneDouble: .nan).json["oneDouble"] == "NaN")
    #expect(Everything(oneDouble: 5).json["oneDouble"] == .number("5"))
    #expect(Everything(maybeDouble: -0.0).json["maybeDouble"] == .number("-0.0"))
    #expect(Everything(oneFloat: 0.1).json["oneFloat"] == .number("0.1"))
  }

  @Test func sixtyFourBitsAreStrings() {
    let json = Everything(oneInt64: .min, oneUint64: .max).json
    #expect(json["oneInt64"] == "-9223372036854775808")
    #expect(json["oneUint64"] == "18446744073709551615")
    #expect(value(#"{"oneInt64":-9223372036854775808}"#)?.oneInt64 == .min)
  }

  @Test func bytesInEitherAlphabet() {
    for text in ["-_8=", "+/8", "-_8", "+/8="] {
      #expect(value(#"{"oneBytes":"\#(text)"}"#)?.oneBytes == [251, 255], "\(text)")
    }
  }

  @Test func namesAndNumbersOfEnums() {
    #expect(value(#"{"oneColor":"COLOR_CRIMSON"}"#)?.oneColor == .red)
    #expect(value(#"{"oneColor":2}"#)?.oneColor == .darkGreen)
    #expect(value(#"{"oneColor":-7}"#)?.oneColor == .unrecognized(-7))
    #expect(value(#"{"mood":"MOOD_BAD"}"#)?.mood == .bad)
  }

  @Test func nullMeansAbsent() {
    let text = #"{"oneInner":null,"manyInt32":null,"byInt32":null,"pickInt32":null,"any":null}"#
    #expect(value(text) == Everything())
    #expect(value(#"{"pickInt32":null,"pickString":"x"}"#)?.choice == .pickString("x"))
  }

  @Test func jsonNamesOfTheirOwn() {
    #expect(value(#"{"spelling":"x"}"#)?.spelt == "x")
    #expect(value(#"{"spelt":"x"}"#)?.spelt == "x")
    #expect(value(#"{"with1Digit2":1,"fooBar":2}"#)?.with1Digit2 == 1)
    #expect(Everything(spelt: "x").json == ["spelling": "x"])
  }

  @Test func theErrorSaysWhere() {
    #expect(failure(#"{"oneInner":{"deeper":{"n":true}}}"#)?.path == "oneInner.deeper.n")
    #expect(failure(#"{"manyInner":[{},{"numbers":[1,"x"]}]}"#)?.path == "manyInner[1].numbers[1]")
    #expect(failure(#"{"innerOf":{"3":{"nam":""}}}"#)?.path == "innerOf.3.nam")
    #expect(failure(#"{"no_such":1}"#) == JSONMappingError("is not a field", at: "no_such"))
    #expect(
      failure(#"{"oneColor":"RED"}"#)
        == JSONMappingError(
          "is none of COLOR_UNSPECIFIED, COLOR_RED, COLOR_DARK_GREEN, COLOR_3D", at: "oneColor"))
    #expect(failure("[]") == JSONMappingError("must be an object"))
  }

  @Test(arguments: [
    ("2026-01-31T10:00:00Z", 1_769_853_600, 0, "2026-01-31T10:00:00Z"),
    ("2026-01-31T10:00:00.5+01:30", 1_769_848_200, 500_000_000, "2026-01-31T08:30:00.500Z"),
    ("1969-12-31T23:59:59.000001Z", -1, 1000, "1969-12-31T23:59:59.000001Z"),
    ("0001-01-01T00:00:00Z", -62_135_596_800, 0, "0001-01-01T00:00:00Z"),
    (
      "9999-12-31T23:59:59.999999999Z", 253_402_300_799, 999_999_999,
      "9999-12-31T23:59:59.999999999Z"
    ),
    ("2024-02-29T12:00:00-12:00", 1_709_251_200, 0, "2024-03-01T00:00:00Z"),
    ("2000-12-31T00:00:00Z", 978_220_800, 0, "2000-12-31T00:00:00Z"),
  ])
  func times(_ text: String, _ seconds: Int64, _ nanos: Int32, _ written: String) {
    let time = Timestamp(seconds: seconds, nanos: nanos)
    #expect(value(#"{"timestamp":"\#(text)"}"#)?.timestamp == time)
    #expect(time.json == .string(written))
  }

  @Test(arguments: [
    ("1s", 1, 0, "1s"), ("-0.5s", 0, -500_000_000, "-0.500s"), ("1.000001s", 1, 1000, "1.000001s"),
    ("-315576000000s", -315_576_000_000, 0, "-315576000000s"), ("0s", 0, 0, "0s"),
    ("3.000000001s", 3, 1, "3.000000001s"),
  ])
  func durations(_ text: String, _ seconds: Int64, _ nanos: Int32, _ written: String) {
    let length = ProtoDuration(seconds: seconds, nanos: nanos)
    #expect(value(#"{"duration":"\#(text)"}"#)?.duration == length)
    #expect(length.json == .string(written))
  }

  @Test func timesOutOfRangeAreNull() {
    #expect(Timestamp(seconds: .max, nanos: 0).json == .null)
    #expect(Timestamp(seconds: 0, nanos: -1).json == .null)
    #expect(ProtoDuration(seconds: 1, nanos: -1).json == .null)
  }

  @Test func everyDayOfFourCenturiesIsWrittenAndRead() {
    for day in stride(from: Int64(-62_135_596_800), through: 253_402_300_799, by: 86_400 * 37) {
      let text = TimeFormat.timestamp(seconds: day, nanos: 0)
      #expect(text.flatMap(TimeFormat.timestamp)?.seconds == day)
    }
  }
}
