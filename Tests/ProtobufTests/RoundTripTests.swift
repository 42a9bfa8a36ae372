import CommonAPI
import Protobuf
import TestProtosAPI
import Testing

@Suite("Messages survive the wire and JSON")
struct RoundTripTests {
  @Test func everyFieldSurvivesTheWire() throws {
    let message = Sample.full
    #expect(try Everything(serialized: message.serialized()) == message)
  }

  @Test func everyFieldSurvivesJSON() throws {
    let message = Sample.full
    #expect(try Everything(jsonUTF8: message.jsonUTF8) == message)
  }

  @Test func theEmptyMessageHasNoBytes() throws {
    #expect(Everything().serialized().isEmpty)
    #expect(try Everything(serialized: []) == Everything())
    #expect(Everything().jsonUTF8 == Array("{}".utf8))
    #expect(try Nothing(jsonUTF8: Array("{}".utf8)) == Nothing())
  }

  @Test func presenceIsKept() throws {
    var message = Everything(maybeInt32: 0, choice: .pickString(""))
    let read = try Everything(serialized: message.serialized())
    #expect(read.maybeInt32 == 0)
    #expect(read.maybeInt64 == nil)
    #expect(read.choice == .pickString(""))
    message.maybeInt32 = nil
    message.choice = nil
    #expect(message.serialized().isEmpty)
  }

  @Test func numbersThatAnEnumDoesNotDeclareAreKept() throws {
    let message = Everything(oneColor: .unrecognized(1234), mood: .unrecognized(-99))
    let read = try Everything(serialized: message.serialized())
    #expect(read == message)
    #expect(read.oneColor.protoName == nil)
    #expect(read.json["oneColor"] == .number("1234"))
    #expect(try Everything(json: read.json) == message)
    #expect(Color(protoName: "COLOR_CRIMSON") == .red)
  }

  @Test func equalMapsHaveEqualBytes() throws {
    var one = Everything()
    var other = Everything()
    for number in 0..<200 { one.byString["k\(number)"] = "v" }
    for number in (0..<200).reversed() { other.byString["k\(number)"] = "v" }
    #expect(one.serialized() == other.serialized())
    #expect(one.jsonUTF8 == other.jsonUTF8)
  }

  @Test func theLaterOfTwoValuesCounts() throws {
    let bytes =
      Everything(oneInt32: 1, choice: .pickInt32(5)).serialized()
      + Everything(oneInt32: 2, choice: .pickString("x")).serialized()
    let read = try Everything(serialized: bytes)
    #expect(read.oneInt32 == 2)
    #expect(read.choice == .pickString("x"))
  }

  @Test func packedAndLooseNumbersAreBothRead() throws {
    // Field 37, many_int32.
    #expect(try Everything(serialized: [0xAA, 0x02, 2, 1, 2]).manyInt32 == [1, 2])
    #expect(try Everything(serialized: [0xA8, 0x02, 1, 0xA8, 0x02, 2]).manyInt32 == [1, 2])
    #expect(Everything(manyInt32: [1, 2]).serialized() == [0xAA, 0x02, 2, 1, 2])
  }

  @Test func theGapInFrontIsZero() {
    let message = Everything(oneString: "x")
    let framed = message.serialized(after: 5)
    #expect(framed.prefix(5) == [0, 0, 0, 0, 0])
    #expect(Array(framed.dropFirst(5)) == message.serialized())
  }

  @Test func anysShowTheMessagesOfTheCommonRoom() throws {
    let info = ErrorInfo(reason: "QUOTA", domain: "clientele", metadata: ["a": "b"])
    let any = ProtoAny(info)
    #expect(any.unpacked(as: ErrorInfo.self) == info)
    #expect(any.unpacked(as: Timestamp.self) == nil)
    #expect(any.json["@type"] == "type.googleapis.com/google.rpc.ErrorInfo")
    #expect(any.json["reason"] == "QUOTA")
    #expect(try ProtoAny(json: any.json) == any)
    let foreign = ProtoAny(typeURL: "type.googleapis.com/other.Message", value: [1, 2])
    #expect(try ProtoAny(json: foreign.json) == foreign)
  }

  @Test func anysInAnysAreNotUnfolded() throws {
    var any = ProtoAny(Empty())
    for _ in 0..<5000 { any = ProtoAny(any) }
    #expect(any.json["value"]?.string != nil)
    let pool = try #require(Sample.pool)
    let dynamic = try DynamicMessage(serialized: any.serialized(), as: ProtoAny.fullName, in: pool)
    #expect(dynamic.json == any.json)
  }

  @Test func datesAndDurationsConvert() {
    let now = Timestamp.now()
    #expect(now.seconds > 1_600_000_000)
    #expect(Timestamp(Timestamp(seconds: -1, nanos: 250_000_000).date).seconds == -1)
    #expect(ProtoDuration(.milliseconds(-1500)) == ProtoDuration(seconds: -1, nanos: -500_000_000))
    #expect(ProtoDuration(seconds: 2, nanos: 5).duration == .nanoseconds(2_000_000_005))
  }
}
