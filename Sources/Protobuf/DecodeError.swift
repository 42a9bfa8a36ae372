/// Why bytes are no message.
public struct DecodeError: Error, Sendable, Hashable, CustomStringConvertible {
  /// What was wrong.
  public enum Kind: String, Sendable, Hashable, CaseIterable {
    /// A value reaches past the end of what holds it.
    case truncated
    /// A number longer than ten bytes or 64 bits, or a tag longer than 32 bits.
    case malformedVarint = "malformed number"
    /// Field number 0 or a wire type that does not exist.
    case malformedTag = "malformed tag"
    /// A group: proto2 only.
    case group
    /// A field whose wire type is not the declared one.
    case wrongWireType = "wrong wire type"
    /// More messages inside each other than `DecodingLimits.depth`.
    case tooDeep = "nested too deeply"
    /// More fields and packed elements than `DecodingLimits.fields`.
    case tooManyFields = "too many fields"
    /// More fields that are not declared than `DecodingLimits.unknownFields`.
    case tooManyUnknownFields = "too many unknown fields"
    /// A string that is not UTF-8.
    case invalidUTF8 = "invalid UTF-8"
    /// A NUL in a string: what C reads up to it would differ from what Swift reads.
    case nulInString = "NUL in a string"
    /// The message would need more memory than it may have.
    case budgetExceeded = "needs too much memory"
    /// libprotobuf-c refused it for another reason.
    case refused
  }

  /// What was wrong.
  public let kind: Kind
  /// Where, in bytes from the start.
  public let offset: Int

  public var description: String { "not a message: \(kind.rawValue) at byte \(offset)" }

  /// The bound that a message was beyond; nil for what is no message at all.
  public var bound: DecodingBound? {
    switch kind {
    case .tooDeep: .depth
    case .tooManyFields: .fields
    case .tooManyUnknownFields: .unknownFields
    case .budgetExceeded: .memory
    case .truncated, .malformedVarint, .malformedTag, .group, .wrongWireType, .invalidUTF8,
      .nulInString, .refused:
      nil
    }
  }
}

/// What `DecodingLimits` bounds, by the name that counters give it.
public enum DecodingBound: String, Sendable, Hashable, CaseIterable {
  /// Messages inside each other.
  case depth = "message_depth"
  /// Fields and packed elements.
  case fields = "message_fields"
  /// Fields that are not declared.
  case unknownFields = "message_unknown_fields"
  /// Bytes of C structs.
  case memory = "message_memory"
}

/// What a message may cost the process that reads it.
public struct DecodingLimits: Sendable, Hashable {
  /// Messages inside each other, the outermost included; at most 16.
  public var depth: Int { didSet { depth = Self.bearable(depth) } }
  /// Fields and packed elements in all.
  public var fields: Int
  /// Fields that are not declared.
  public var unknownFields: Int
  /// Bytes of C structs.
  public var arenaBytes: Int

  /// - Parameters:
  ///   - depth: messages inside each other, 1 to 16.
  ///   - fields: fields and packed elements in all.
  ///   - unknownFields: fields that are not declared.
  ///   - arenaBytes: bytes of C structs.
  public init(
    depth: Int = 16, fields: Int = 10_000, unknownFields: Int = 64, arenaBytes: Int = 16 << 20
  ) {
    self.depth = Self.bearable(depth)
    self.fields = fields
    self.unknownFields = unknownFields
    self.arenaBytes = arenaBytes
  }

  /// What every message gets unless somebody says otherwise.
  public static let standard = DecodingLimits()

  /// Each message inside another takes stack, and threads may have little of it.
  private static func bearable(_ depth: Int) -> Int { min(max(depth, 1), 16) }
}
