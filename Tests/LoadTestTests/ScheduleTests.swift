import Testing

@testable import LoadTest

@Suite struct ScheduleTests {
  private let second: Int64 = 1_000_000_000

  private func times(_ load: Scenario.Load, threads: Int = 1) -> [[Int64]] {
    let schedule = Schedule(load)
    return (0..<threads).map { thread in
      var arrivals = schedule.arrivals(thread: thread, of: threads)
      var times: [Int64] = []
      while let arrival = arrivals.next() { times.append(arrival.time) }
      return times
    }
  }

  private func load(_ stages: [Stage], warmup: Int64 = 0) -> Scenario.Load {
    var load = Scenario.Load()
    load.stages = stages
    load.warmup = warmup
    return load
  }

  @Test("even arrivals lie the same time apart, and threads share them")
  func even() {
    let load = load([Stage(from: 100, to: 100, length: 2 * second)])
    let one = times(load)[0]
    #expect(one.count == 200)
    #expect(one.first == 5_000_000)
    #expect(zip(one, one.dropFirst()).allSatisfy { abs($1 - $0 - 10_000_000) <= 1 })
    #expect(times(load, threads: 3).joined().sorted() == one)
  }

  @Test("a ramp makes as many calls as its mean rate, more of them late")
  func ramp() {
    let times = times(load([Stage(from: 0, to: 200, length: 10 * second)]))[0]
    #expect(times.count == 1_000)
    #expect(times == times.sorted())
    // Half of the time has a quarter of the calls.
    #expect((249...251).contains(times.filter { $0 < 5 * second }.count))
    #expect(times.last.map { $0 <= 10 * second } == true)
  }

  @Test("stages follow each other, one of rate zero is a pause")
  func stages() {
    let times = times(
      load([
        Stage(from: 10, to: 10, length: second), Stage(from: 0, to: 0, length: second),
        Stage(from: 20, to: 20, length: second),
      ]))[0]
    #expect(times.filter { $0 < second }.count == 10)
    #expect(times.filter { (second..<(2 * second)).contains($0) }.isEmpty)
    #expect(times.filter { $0 >= 2 * second }.count == 20)
  }

  @Test("random arrivals come in the number asked for, and again with the same seed")
  func poisson() {
    var load = load([Stage(from: 1_000, to: 1_000, length: 10 * second)])
    load.arrivals = .poisson
    let times = times(load)[0]
    // Five standard deviations.
    #expect((9_500...10_500).contains(times.count))
    #expect(times == self.times(load)[0])
    let gaps = zip(times, times.dropFirst()).map { Double($1 - $0) / 1e6 }
    let mean = gaps.reduce(0, +) / Double(gaps.count)
    let variance = gaps.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(gaps.count)
    // Exponential gaps: the deviation is the mean.
    #expect((0.9...1.1).contains(variance.squareRoot() / mean))
    let shared = self.times(load, threads: 4)
    #expect((9_500...10_500).contains(shared.joined().count))
    load.seed = 2
    #expect(times != self.times(load)[0])
  }

  @Test("the warm-up goes before, at the first rate")
  func warmup() {
    let schedule = Schedule(
      load([Stage(from: 10, to: 50, length: 2 * second)], warmup: second))
    #expect(schedule.length == 3 * second)
    #expect(schedule.arrivals == 70)
    #expect(schedule.rate(at: 0) == 10)
    #expect(schedule.rate(at: 2 * second) == 30)
    #expect(schedule.rate(at: 4 * second) == 0)
  }
}
