// What scripts/sanitize.sh tries first: each shape that our rooms hand values over in, once correct,
// when no report may come, and once with a fault, when one must. `planted SHAPE [fault]`. What
// comes first is forced by flags whose relaxed order tells the sanitizer nothing.
import Dispatch
import Glibc
import Synchronization

/// A number in memory of its own that nothing guards but the order of its users.
struct Cell: Sendable {
  private let address: Int

  init() {
    let memory = UnsafeMutablePointer<Int>.allocate(capacity: 1)
    memory.initialize(to: 0)
    address = Int(bitPattern: memory)
  }

  var value: Int {
    get { UnsafeMutablePointer<Int>(bitPattern: address)?.pointee ?? 0 }
    nonmutating set { UnsafeMutablePointer<Int>(bitPattern: address)?.pointee = newValue }
  }
}

final class Flag: Sendable {
  private let raised = Atomic(false)
  func raise() { raised.store(true, ordering: .relaxed) }
  func wait() { while !raised.load(ordering: .relaxed) { sched_yield() } }
}

/// A thread that nobody waits for.
func thread(_ body: @escaping @Sendable () -> Void) {
  final class Start {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }
  var thread = pthread_t()
  pthread_create(
    &thread, nil,
    { start in
      if let start { Unmanaged<Start>.fromOpaque(start).takeRetainedValue().body() }
      return nil
    }, Unmanaged.passRetained(Start(body)).toOpaque())
  pthread_detach(thread)
}

/// Runs its jobs on one thread of its own.
final class OwnThread: TaskExecutor {
  private let jobs = Mutex<[UnownedJob]>([])

  init() {
    thread {
      while true {
        let batch = self.jobs.withLock { jobs in
          defer { jobs = [] }
          return jobs
        }
        for job in batch { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
        sched_yield()
      }
    }
  }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    jobs.withLock { $0.append(job) }
  }
}

/// Two threads that want one Mutex at once.
func mutex(fault: Bool) {
  final class Counter: Sendable {
    let guarded = Mutex(0)
    let cell = Cell()
    let ended = [Flag(), Flag()]
  }
  let counter = Counter()
  for index in 0..<2 {
    thread {
      for _ in 0..<50_000 {
        counter.guarded.withLock { _ in counter.cell.value += 1 }
        if fault { counter.cell.value += 1 }
      }
      counter.ended[index].raise()
    }
  }
  for flag in counter.ended { flag.wait() }
}

/// An engine's thread that fills a value and resumes who waits for it: before it waits, or after.
func continuation(isEarly: Bool, fault: Bool) async {
  let cell = Cell()
  let (filled, spoilt, waits) = (Flag(), Flag(), Flag())
  await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
    thread {
      if !isEarly {
        waits.wait()
        usleep(50_000)
      }
      cell.value = 1
      continuation.resume()
      filled.raise()
      if fault { cell.value = 2 }
      spoilt.raise()
    }
    if isEarly { filled.wait() } else { waits.raise() }
  }
  if fault { spoilt.wait() }
  cell.value += 1
}

/// A task on a thread of its own, as handlers are on their loop's.
func executor(fault: Bool) async {
  let cell = Cell()
  let began = Flag()
  let executor = OwnThread()
  cell.value = 1
  let task = Task(executorPreference: executor) {
    cell.value += 1
    began.raise()
    await Task.yield()
    cell.value += 1
  }
  if fault {
    began.wait()
    cell.value += 1
  }
  await task.value
  cell.value += 1
}

/// A task that is cancelled from elsewhere while it waits.
func cancellation(fault: Bool) async {
  let cell = Cell()
  let (waits, ended) = (Flag(), Flag())
  let task = Task {
    cell.value = 1
    await withTaskCancellationHandler {
      if fault { cell.value = 2 }
      waits.raise()
      ended.wait()
    } onCancel: {
      cell.value += 1
    }
    cell.value += 1
  }
  waits.wait()
  task.cancel()
  ended.raise()
  await task.value
}

/// Children of one task, and what they leave to it.
func group(fault: Bool) async {
  let cells = [Cell(), Cell()]
  let (began, written) = ([Flag(), Flag()], [Flag(), Flag()])
  for cell in cells { cell.value = 1 }
  await withTaskGroup { group in
    for index in 0..<2 {
      group.addTask {
        // Each on a thread of its own.
        began[index].raise()
        began[1 - index].wait()
        if index == 1 { written[0].wait() }
        cells[fault ? 0 : index].value += 1
        written[index].raise()
      }
    }
  }
  for cell in cells { cell.value += 1 }
}

/// A stream that one thread feeds and one task reads.
func stream(fault: Bool) async {
  let (values, feed) = AsyncStream<Cell>.makeStream()
  let (read, spoilt) = (Flag(), Flag())
  thread {
    let cell = Cell()
    cell.value = 1
    feed.yield(cell)
    if fault {
      read.wait()
      cell.value += 1
      spoilt.raise()
    }
    feed.finish()
  }
  for await cell in values {
    cell.value += 1
    read.raise()
    if fault { spoilt.wait() }
  }
}

/// Memory that is used after it was given back, or never given back.
func memory(_ shape: String) {
  let bytes = UnsafeMutablePointer<UInt8>.allocate(capacity: 100)
  bytes.initialize(repeating: 7, count: 100)
  switch shape {
  case "freed":
    bytes.deallocate()
    print(bytes[3])
  case "beyond": print(bytes[Int(CommandLine.argc) + 98])
  case "lost": return
  default: bytes.deallocate()
  }
}

let fault = CommandLine.arguments.dropFirst(2).first == "fault"
switch CommandLine.arguments.dropFirst().first ?? "" {
case "mutex": mutex(fault: fault)
case "continuation-early": await continuation(isEarly: true, fault: fault)
case "continuation-late": await continuation(isEarly: false, fault: fault)
case "executor": await executor(fault: fault)
case "cancellation": await cancellation(fault: fault)
case "group": await group(fault: fault)
case "stream": await stream(fault: fault)
case let shape: memory(shape)
}
