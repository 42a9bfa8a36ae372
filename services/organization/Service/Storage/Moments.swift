import CommonAPI
import Postgres

extension PostgresTimestamp {
  /// The same moment on the wire, to the microsecond.
  var wire: Timestamp {
    let (quotient, remainder) = microseconds.quotientAndRemainder(dividingBy: 1_000_000)
    let borrowed = remainder < 0
    return Timestamp(
      seconds: borrowed ? quotient - 1 : quotient,
      nanos: Int32(borrowed ? remainder + 1_000_000 : remainder) * 1000)
  }
}
