import Synchronization

/// Everything of a server that has a bound, by the name its counter has.
enum ServerBound: String, CaseIterable {
  // Those that a session keeps; the names are those of `SessionBound`.
  case streams
  case headerListBytes = "header_list_bytes"
  case headerFields = "header_fields"
  case headerFieldBytes = "header_field_bytes"
  case continuations
  case frameBytes = "frame_bytes"
  case windows
  case resetsReceived = "resets_received"
  case resetsSent = "resets_sent"
  case pings
  case settingsFrames = "settings_frames"
  case priorities
  case emptyData = "empty_data"
  case cheapFrames = "cheap_frames"
  case outboundFrames = "outbound_frames"

  case descriptors
  case connections
  case connectionsPerAddress = "connections_per_address"
  case handshakeTime = "handshake_time"
  case prefaceTime = "preface_time"
  case headerTime = "header_time"
  case bodyIdleTime = "body_idle_time"
  case writeIdleTime = "write_idle_time"
  case keepaliveTime = "keepalive_time"
  case connectionAge = "connection_age"
  case streamIdleTime = "stream_idle_time"
  case streamTime = "stream_time"
  case headerListBytesSent = "header_list_bytes_sent"
  case statusDetailBytes = "status_detail_bytes"
  case handlersPerConnection = "handlers_per_connection"
  case outboundBytes = "outbound_bytes"
  case requestBytes = "request_bytes"
  case responseBytes = "response_bytes"
  // Those of reading a message; the names are those of `DecodingBound`.
  case messageDepth = "message_depth"
  case messageFields = "message_fields"
  case messageUnknownFields = "message_unknown_fields"
  case messageMemory = "message_memory"
  case heldBytes = "held_bytes"
  case inFlight = "in_flight"
  case streamsInFlight = "streams_in_flight"
  case queue
  case queueTime = "queue_time"
  case watches
}

/// How often each bound was reached.
///
/// Safety: the memory lives as long as the object, and holds atomics only.
final class BoundCounters: @unchecked Sendable {
  private let counts: UnsafeMutablePointer<Atomic<UInt64>>
  private static let positions = Dictionary(
    ServerBound.allCases.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })

  init() {
    counts = .allocate(capacity: ServerBound.allCases.count)
    for index in ServerBound.allCases.indices { (counts + index).initialize(to: Atomic(0)) }
  }

  deinit {
    counts.deinitialize(count: ServerBound.allCases.count)
    counts.deallocate()
  }

  func add(_ bound: ServerBound) {
    guard let index = Self.positions[bound] else { return }
    counts[index].wrappingAdd(1, ordering: .relaxed)
  }

  subscript(bound: ServerBound) -> UInt64 {
    Self.positions[bound].map { counts[$0].load(ordering: .relaxed) } ?? 0
  }
}
