import ServiceContextModule
import Synchronization

/// Which trace a call belongs to, as W3C Trace Context writes it in `traceparent`.
///
/// The caller gives each of its calls a span of its own; the callee logs under that span and gives
/// those it makes in turn new ones of the same trace.
public struct TraceContext: Sendable, Hashable {
  /// The name of the pair that carries it.
  public static let key = "traceparent"

  private let high: UInt64
  private let low: UInt64
  private let span: UInt64
  private let flags: UInt8

  private init(high: UInt64, low: UInt64, span: UInt64, flags: UInt8) {
    self.high = high
    self.low = low
    self.span = span
    self.flags = flags
  }

  /// A trace that starts here.
  public init() {
    self.init(high: Self.number(), low: Self.number(), span: Self.number(), flags: 0)
  }

  /// What a caller sent; nil for anything that is not valid, which is to be ignored.
  public init?(traceparent text: String) {
    let bytes = Array(text.utf8)
    let dash = UInt8(ascii: "-")
    guard bytes.count >= 55, bytes[2] == dash, bytes[35] == dash, bytes[52] == dash,
      let version = Self.hex(bytes[0..<2]), version != 0xff,
      // Later versions may say more behind another dash; this one says nothing more.
      bytes.count == 55 || (version > 0 && bytes[55] == dash),
      let high = Self.hex(bytes[3..<19]), let low = Self.hex(bytes[19..<35]), high | low != 0,
      let span = Self.hex(bytes[36..<52]), span != 0, let flags = Self.hex(bytes[53..<55])
    else { return nil }
    self.init(high: high, low: low, span: span, flags: UInt8(truncatingIfNeeded: flags))
  }

  /// The trace of a call made under this one, with a span of its own.
  public func next() -> TraceContext {
    TraceContext(high: high, low: low, span: Self.number(), flags: flags)
  }

  /// 32 hexadecimal digits.
  public var traceID: String { Self.text(high) + Self.text(low) }

  /// 16 hexadecimal digits.
  public var spanID: String { Self.text(span) }

  /// As it is sent, in version 00.
  public var traceparent: String {
    "00-\(traceID)-\(spanID)-" + String(Self.text(UInt64(flags & 0x03)).suffix(2))
  }

  // MARK: Digits and numbers

  /// Lower-case digits only, as the recommendation has them.
  private static func hex(_ digits: ArraySlice<UInt8>) -> UInt64? {
    var value: UInt64 = 0
    for digit in digits {
      switch digit {
      case 0x30...0x39: value = value << 4 | UInt64(digit - 0x30)
      case 0x61...0x66: value = value << 4 | UInt64(digit - 0x57)
      default: return nil
      }
    }
    return value
  }

  private static func text(_ value: UInt64) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  /// A random number other than zero, of a sequence that starts anew in each process. No secret
  /// hangs on it, and the system's own would cost a call of the kernel.
  private static func number() -> UInt64 {
    let step = sequence.wrappingAdd(0x9e37_79b9_7f4a_7c15, ordering: .relaxed).newValue
    var mixed = step
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    mixed ^= mixed >> 31
    return mixed == 0 ? 1 : mixed
  }

  private static let sequence = Atomic<UInt64>(UInt64.random(in: .min ... .max))
}

extension CallContext {
  private enum TraceKey: ServiceContextKey {
    typealias Value = TraceContext
    static let nameOverride: String? = "clientele-trace"
  }

  /// The trace of the call, once an interceptor read or began it.
  public var trace: TraceContext? {
    get { context[TraceKey.self] }
    set { context[TraceKey.self] = newValue }
  }
}
