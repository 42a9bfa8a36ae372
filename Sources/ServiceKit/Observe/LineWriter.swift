import Dispatch
import Synchronization

#if canImport(Glibc)
  import Glibc
#endif

/// Writes lines to a descriptor on a thread of its own: nobody who logs waits for a reader that has
/// stopped, or for a slow disk. Lines come whole and in order; what finds the queue full, and what
/// the system does not take, is dropped and counted. A writer lasts as long as its process.
final class LineWriter: Sendable {
  /// Of the process's log.
  static let standardOutput = LineWriter(descriptor: STDOUT_FILENO)

  /// Bytes of lines that wait.
  static let queuedBytesMax = 1 << 20
  /// How long a process that ends waits for what it has said to be written.
  static let patience = DispatchTimeInterval.seconds(1)

  private struct Queue {
    var lines: [[UInt8]] = []
    /// Told once all lines here were written or dropped.
    var marks: [DispatchSemaphore] = []
    /// Of the lines here and of those being written.
    var bytes = 0
    var hasThread = false
  }

  private let descriptor: CInt
  private let queue = Mutex(Queue())
  private let work = DispatchSemaphore(value: 0)
  private let lost = Atomic<UInt64>(0)

  init(descriptor: CInt) { self.descriptor = descriptor }

  /// Lines that were not written, or in part only.
  var dropped: UInt64 { lost.load(ordering: .relaxed) }

  /// Has a line written, its newline included; never waits.
  func write(_ line: [UInt8]) {
    let isTaken = queue.withLock { queue in
      guard queue.bytes + line.count <= Self.queuedBytesMax else { return false }
      queue.bytes += line.count
      wake(&queue)
      queue.lines.append(line)
      return true
    }
    if !isTaken { lost.wrappingAdd(1, ordering: .relaxed) }
  }

  /// Waits until the lines so far were written, for `patience` at most.
  func finish() {
    let mark = DispatchSemaphore(value: 0)
    let isEmpty = queue.withLock { queue in
      guard queue.hasThread else { return true }
      wake(&queue)
      queue.marks.append(mark)
      return false
    }
    if !isEmpty { _ = mark.wait(timeout: .now() + Self.patience) }
  }

  private func wake(_ queue: inout Queue) {
    // A process without a thread to spare asks again at its next line.
    if !queue.hasThread { queue.hasThread = startThread() }
    if queue.lines.isEmpty, queue.marks.isEmpty { work.signal() }
  }

  // MARK: The thread

  private func startThread() -> Bool {
    let own = Unmanaged.passRetained(self)
    var thread = pthread_t()
    let failure = pthread_create(
      &thread, nil,
      { context in
        if let context { Unmanaged<LineWriter>.fromOpaque(context).takeRetainedValue().run() }
        return nil
      }, own.toOpaque())
    guard failure == 0 else {
      own.release()
      return false
    }
    pthread_detach(thread)
    return true
  }

  private func run() {
    // A reader that is gone is an error of its line here, and no SIGPIPE that ends the process.
    var every = sigset_t()
    sigfillset(&every)
    pthread_sigmask(SIG_SETMASK, &every, nil)
    var isCut = false
    while true {
      work.wait()
      var lines: [[UInt8]] = []
      var marks: [DispatchSemaphore] = []
      queue.withLock {
        swap(&$0.lines, &lines)
        swap(&$0.marks, &marks)
      }
      for line in lines { put(line, &isCut) }
      for mark in marks { mark.signal() }
      let bytes = lines.reduce(0) { $0 + $1.count }
      queue.withLock { $0.bytes -= bytes }
    }
  }

  /// - Parameter isCut: whether the last line stands there in part: the next one ends it first.
  private func put(_ line: [UInt8], _ isCut: inout Bool) {
    let whole = isCut ? [UInt8(ascii: "\n")] + line : line
    let written = send(whole)
    if written > 0 { isCut = written < whole.count }
    if written < whole.count { lost.wrappingAdd(1, ordering: .relaxed) }
  }

  /// How many of the bytes the system took.
  private func send(_ bytes: [UInt8]) -> Int {
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes {
        let rest = UnsafeRawBufferPointer(rebasing: $0[sent...])
        return Glibc.write(descriptor, rest.baseAddress, rest.count)
      }
      if count > 0 {
        sent += count
      } else if count < 0, errno == EAGAIN {
        // Another process that has the same pipe wants it so.
        var room = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        poll(&room, 1, -1)
      } else if count == 0 || errno != EINTR {
        break
      }
    }
    return sent
  }
}
