import CommonAPI
import Protobuf
import TestProtosAPI

/// A message with a value in every kind of field.
enum Sample {
  static let inner = Everything.Inner(
    name: "innen", numbers: [1, -1, .max, .min], deeper: .init(n: .min), mood: .bad)

  static var full: Everything {
    var message = Everything()
    message.oneDouble = 1.5
    message.oneFloat = -0.25
    message.oneInt32 = .min
    message.oneInt64 = .max
    message.oneUint32 = .max
    message.oneUint64 = .max
    message.oneSint32 = -7
    message.oneSint64 = .min
    message.oneFixed32 = 5
    message.oneFixed64 = 6
    message.oneSfixed32 = -5
    message.oneSfixed64 = -6
    message.oneBool = true
    message.oneString = "Zoë 漢 𝄞"
    message.oneBytes = [0, 255, 1]
    message.oneColor = .darkGreen
    message.oneInner = inner
    message.maybeInt32 = 0
    message.maybeString = ""
    message.maybeBool = false
    message.maybeBytes = []
    message.maybeColor = .unspecified
    message.maybeInner = Everything.Inner()
    message.maybeDouble = -0.0
    message.manyInt32 = [0, 1, -1]
    message.manyString = ["", "a", "ß"]
    message.manyBytes = [[], [0]]
    message.manyBool = [true, false]
    message.manyDouble = [0, .infinity, 1e300]
    message.manyColor = [.red, .unrecognized(99), .unspecified]
    message.manyInner = [Everything.Inner(), inner]
    message.loose = [3, 0, -3]
    message.byInt32 = [-1: "minus", 0: "zero"]
    message.byString = ["": "empty", "k": ""]
    message.byBool = [true: "yes"]
    message.colorOf = ["c": .unrecognized(-3)]
    message.innerOf = [4: inner, 0: .init()]
    message.choice = .pickInt32(0)
    message.timestamp = Timestamp(seconds: 1, nanos: 500_000_000)
    message.duration = ProtoDuration(seconds: -1, nanos: -1)
    message.fieldMask = FieldMask(paths: ["given_name", "a.b_c"])
    message.any = ProtoAny(Timestamp(seconds: 0, nanos: 0))
    message.class = "class"
    message.self_ = "self"
    message.json_ = "json"
    message.far = "far"
    message.mood = .bad
    return message
  }

  static let pool: DescriptorPool? =
    try? DescriptorPool(fileDescriptorSet: TestProtosFiles.descriptorSet)
}
