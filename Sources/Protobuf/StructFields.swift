/// Reading C structs; called by generated code only, on memory that libprotobuf-c filled from
/// bytes the pre-scan has passed.
public enum StructFields {
  /// A string field.
  @inlinable
  public static func string(_ length: Int, _ data: UnsafeMutablePointer<UInt8>?) -> String {
    String(
      decoding: UnsafeBufferPointer(start: data, count: data == nil ? 0 : length), as: UTF8.self)
  }

  /// A bytes field.
  @inlinable
  public static func bytes(_ length: Int, _ data: UnsafeMutablePointer<UInt8>?) -> [UInt8] {
    [UInt8](UnsafeBufferPointer(start: data, count: data == nil ? 0 : length))
  }

  /// A repeated number field.
  @inlinable
  public static func scalars<Element>(
    _ count: Int, _ items: UnsafeMutablePointer<Element>?
  ) -> [Element] {
    [Element](UnsafeBufferPointer(start: items, count: items == nil ? 0 : count))
  }

  /// A repeated bool field.
  @inlinable
  public static func bools(_ count: Int, _ items: UnsafeMutablePointer<Int32>?) -> [Bool] {
    UnsafeBufferPointer(start: items, count: items == nil ? 0 : count).map { $0 != 0 }
  }

  /// A repeated enum field.
  @inlinable
  public static func enums<Value: ProtoEnum>(
    _ count: Int, _ items: UnsafeMutablePointer<Int32>?
  ) -> [Value] {
    UnsafeBufferPointer(start: items, count: items == nil ? 0 : count).map(Value.init(rawValue:))
  }

  /// A repeated string field.
  public static func strings(_ count: Int, _ items: UnsafeRawPointer?) -> [String] {
    blobs(count, items).map { string($0.length, $0.data) }
  }

  /// A repeated bytes field.
  public static func byteStrings(_ count: Int, _ items: UnsafeRawPointer?) -> [[UInt8]] {
    blobs(count, items).map { bytes($0.length, $0.data) }
  }

  private static func blobs(
    _ count: Int, _ items: UnsafeRawPointer?
  ) -> UnsafeBufferPointer<BinaryData> {
    UnsafeBufferPointer(
      start: items?.assumingMemoryBound(to: BinaryData.self), count: items == nil ? 0 : count)
  }

  /// A message field; nil when absent.
  @inlinable
  public static func message<Value: Message>(_ pointer: UnsafeRawPointer?) -> Value? {
    pointer.map(Value.init(structure:))
  }

  /// A repeated message field.
  @inlinable
  public static func messages<Value: Message, C>(
    _ count: Int, _ items: UnsafeMutablePointer<UnsafeMutablePointer<C>?>?
  ) -> [Value] {
    UnsafeBufferPointer(start: items, count: items == nil ? 0 : count)
      .compactMap { $0.map { Value(structure: UnsafeRawPointer($0)) } }
  }

  /// A map field; of two entries with one key the later one counts.
  @inlinable
  public static func map<Key: Hashable, Value, C>(
    _ count: Int, _ items: UnsafeMutablePointer<UnsafeMutablePointer<C>?>?,
    _ read: (UnsafeMutablePointer<C>) -> (Key, Value)
  ) -> [Key: Value] {
    var map: [Key: Value] = [:]
    for item in UnsafeBufferPointer(start: items, count: items == nil ? 0 : count) {
      guard let item else { continue }
      let (key, value) = read(item)
      map[key] = value
    }
    return map
  }
}
