public import Protobuf

extension ProtoDuration {
  /// A length of time; what is below a nanosecond is dropped.
  public init(_ duration: Duration) {
    let (seconds, attoseconds) = duration.components
    self.init(seconds: seconds, nanos: Int32(attoseconds / 1_000_000_000))
  }

  /// The length of time.
  public var duration: Duration { .seconds(seconds) + .nanoseconds(Int64(nanos)) }

  /// Seconds with a fraction and an "s".
  public init(json: JSONValue) throws(JSONMappingError) {
    guard case .string(let text) = json, let length = TimeFormat.duration(text) else {
      throw JSONMappingError("must be a number of seconds, such as \"1.5s\"")
    }
    self.init(seconds: length.seconds, nanos: length.nanos)
  }

  /// Seconds with a fraction and an "s"; null when out of range.
  public var json: JSONValue {
    TimeFormat.duration(seconds: seconds, nanos: nanos).map(JSONValue.string) ?? .null
  }
}
