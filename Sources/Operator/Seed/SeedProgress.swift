import Foundation
import Synchronization

/// Counts what is stored, from several tasks.
final class SeedCounter: Sendable {
  private let counts = Mutex((clients: 0, accounts: 0))
  private let tell: @Sendable (Int) -> Void

  init(_ tell: @escaping @Sendable (Int) -> Void) { self.tell = tell }

  var clients: Int { counts.withLock { $0.clients } }
  var accounts: Int { counts.withLock { $0.accounts } }

  func add(clients: Int, accounts: Int) {
    let total = counts.withLock { counts in
      counts.clients += clients
      counts.accounts += accounts
      return counts.clients
    }
    tell(total)
  }
}

/// Tells how far a long work is: a bar in a terminal, else a line every tenth.
final class SeedProgress: Sendable {
  private let total: Int
  private let begun = ContinuousClock.now
  private let isTerminal = isatty(STDERR_FILENO) == 1
  private let toldTenths = Mutex(0)

  init(total: Int) { self.total = max(1, total) }

  func tell(_ done: Int) {
    let seconds = max(0.001, begun.duration(to: .now) / .seconds(1))
    let rate = Double(done) / seconds
    let left = rate > 0 ? Int(Double(total - done) / rate) : 0
    let words = "\(done) of \(total) clients, \(Int(rate))/s, \(left) s left"
    toldTenths.withLock { tenths in
      if isTerminal {
        let filled = done * 30 / total
        let bar =
          String(repeating: "#", count: filled) + String(repeating: ".", count: 30 - filled)
        write("\r[\(bar)] \(words)\u{1b}[K" + (done >= total ? "\n" : ""))
      } else if done * 10 / total > tenths {
        tenths = done * 10 / total
        write("clientele: \(words)\n")
      }
    }
  }

  private func write(_ text: String) {
    try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
  }
}
