public import Foundation

/// An SMS provider that honours idempotency keys and misbehaves as told; see scripts/sms-sink.py.
public final class SMSSink: Sink {
  /// An SMS that went to somebody.
  public struct Sent: Decodable, Sendable, Hashable {
    /// The message.
    public let id: UUID
    /// The number it went to.
    public let to: String
    /// What it came from.
    public let from: String
    /// What it says.
    public let text: String
    /// The header of that name; nil without one.
    public let authorization: String?
  }

  /// - Parameter script: an answer a request.
  public init(_ script: [String] = []) throws {
    try super.init(program: "sms-sink.py", script)
  }

  /// For `CLIENTELE_SMS_URL`.
  public var url: String { "http://127.0.0.1:\(port)/v1/messages" }

  /// The SMS that went to somebody, in order; a repeat under a key that was taken is none.
  public var sent: [Sent] { taken.compactMap { try? JSONDecoder().decode(Sent.self, from: $0) } }
}
