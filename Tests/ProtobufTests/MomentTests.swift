import CommonAPI
import Foundation
import Testing

@Suite struct MomentTests {
  @Test("a moment told in microseconds comes back as it was, before and after 1970")
  func microseconds() {
    for seconds: Int64 in [-1, 0, 1_795_909_541] {
      for micros: Int32 in [0, 1, 499_999, 956_948, 956_949, 999_999] {
        let moment = Timestamp(seconds: seconds, nanos: micros * 1000)
        #expect(Timestamp(moment.date) == moment)
      }
    }
  }
}
