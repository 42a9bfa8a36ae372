import HTTP2
import Protobuf

/// One call as its connection sees it.
///
/// Safety: what is not constant is touched on its connection's event loop only. Handlers hold it
/// to name their call when they have ended, and are brought there first.
final class ServerCall: UnaryCall, @unchecked Sendable {
  enum Phase {
    /// The request has not ended.
    case receiving
    /// The request is complete, its handler waits for a place.
    case waiting
    /// The handler is at work.
    case running
    /// The answer is on its way; whatever the handler still does is of no use.
    case answered
  }

  /// A message of a handler that waits for room in the answer.
  struct Writer {
    let room: OneShot<Void>
    let message: [UInt8]
    let compressed: Bool
  }

  let connection: ServerConnection
  let stream: StreamHandle
  let route: Int
  let context: CallContext
  /// What the metadata takes.
  let metadataBytes: Int
  @exclusivity(unchecked) var assembler: MessageAssembler
  var phase = Phase.receiving
  var task: Task<Void, Never>?
  /// What answers a unary call whose request has been read and whose handler has not begun.
  @exclusivity(unchecked) var work: UnaryWork?
  /// Bytes of the request of a unary call, once it has been read.
  var requestBytes = 0
  /// When the handler of a unary call began.
  var handlerBeganAt: Int64 = 0
  /// The request of a unary call that was complete before its stream ended, as it came.
  var message: ReceivedMessage?
  /// How messages of the answer are packed; settled with the head of the answer.
  var compression = Compression.identity
  let acceptsGzip: Bool
  /// Of a call with streams.
  var queue: MessageQueue?
  var requestEnded = false
  /// True once a message has gone either way.
  var hasSpoken = false
  /// Names the call while it waits for a place.
  var waitingID: UInt64?
  /// Bytes counted for it in `ServerLoop.hold`.
  var heldBytes = 0
  var sentHead = false
  /// Who waits for room in the answer, in turn.
  var writers: [Writer] = []
  /// Bytes of whole messages that the handler has not taken.
  var untakenBytes = 0
  /// Received bytes for which the peer has not been given new room.
  var withheldBytes = 0
  let beganAt: Int64
  var lastByteAt: Int64
  /// Bytes of the answer that the peer's window had not taken when it was last looked at.
  var unsentBytes = 0
  /// Since when it has taken none of them.
  var unsentSince: Int64 = 0

  init(
    of connection: ServerConnection, stream: StreamHandle, route: Int, context: CallContext,
    assembler: MessageAssembler,
    acceptsGzip: Bool, now: Int64
  ) {
    self.connection = connection
    self.stream = stream
    self.route = route
    self.context = context
    metadataBytes = context.metadata.heldBytes
    self.acceptsGzip = acceptsGzip
    self.assembler = assembler
    beganAt = now
    lastByteAt = now
  }

  /// What it has sent that no handler has taken.
  var waitingBytes: Int {
    let head = queue == nil || waitingID != nil ? metadataBytes : 0
    return head &+ assembler.heldBytes &+ (message?.bytes.count ?? requestBytes) &+ untakenBytes
  }

  var interceptors: [any ServerInterceptor] { connection.core.interceptors(route: route) }

  var decoding: DecodingLimits { connection.core.settings.decoding }

  /// Tells all who wait for room in the answer that there will be none.
  func dismissWriters(_ error: RPCError) {
    let left = writers
    writers = []
    for writer in left { writer.room.give(.failure(error)) }
  }

  func unreadable(_ error: DecodeError) -> RPCError { connection.core.unreadable(error) }

  func ended(_ result: Result<[UInt8], any Error>) {
    connection.ended(self, result)
  }

  /// True while a request is due of which every byte should come soon: one message, not a stream
  /// whose caller may think between two.
  var awaitsRequest: Bool {
    phase == .receiving && !requestEnded && !context.method.clientStreaming
  }
}
