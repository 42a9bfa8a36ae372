import CNGHTTP2

/// Why a stream or a connection ended, as HTTP/2 numbers it.
public struct ErrorCode: RawRepresentable, Sendable, Hashable {
  /// The number on the wire.
  public let rawValue: UInt32

  /// Any number; unknown ones are kept.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  private init(_ code: nghttp2_error_code) { rawValue = UInt32(code.rawValue) }

  /// Nothing went wrong.
  public static let noError = ErrorCode(NGHTTP2_NO_ERROR)
  /// A rule of HTTP/2 was broken.
  public static let protocolError = ErrorCode(NGHTTP2_PROTOCOL_ERROR)
  /// A fault of the sender of this code.
  public static let internalError = ErrorCode(NGHTTP2_INTERNAL_ERROR)
  /// More was sent than the window allowed.
  public static let flowControlError = ErrorCode(NGHTTP2_FLOW_CONTROL_ERROR)
  /// A frame is larger than agreed, or too small for what it is.
  public static let frameSizeError = ErrorCode(NGHTTP2_FRAME_SIZE_ERROR)
  /// The stream was not looked at; it may be sent again.
  public static let refusedStream = ErrorCode(NGHTTP2_REFUSED_STREAM)
  /// The stream is not wanted any more.
  public static let cancel = ErrorCode(NGHTTP2_CANCEL)
  /// No code of the wire: the connection was lost under the stream.
  public static let connectionLost = ErrorCode(rawValue: .max)
  /// The peer does too much of something.
  public static let enhanceYourCalm = ErrorCode(NGHTTP2_ENHANCE_YOUR_CALM)
}

/// Why a session cannot go on.
public enum SessionError: Error, Sendable, Hashable {
  /// What was read is not HTTP/2, or breaks a rule that ends the connection.
  case broken(String)
  /// The session could not be set up, or memory ran out.
  case failed(String)
}
