import Testing

@testable import Postgres

@Suite struct MigrationBatchTests {
  @Test("the file's number of rows is replaced, and is the most there can be")
  func text() throws {
    let batch = try #require(MigrationBatch("select 1 ORDER BY id LIMIT 1000 FOR UPDATE"))
    #expect(batch.rowsMax == 1_000)
    #expect(batch.sql(rows: 20) == "select 1 ORDER BY id LIMIT 20 FOR UPDATE")
  }

  @Test("batches grow twofold at most until they take as long as they may")
  func growth() {
    var size = BatchSize(rowsMax: 1_000)
    var sizes: [Int] = []
    for _ in 0..<5 {
      sizes.append(size.rows)
      // A tenth of a millisecond a row.
      size.adapt(changed: size.rows, took: .microseconds(100 * size.rows))
    }
    #expect(sizes == [100, 200, 250, 250, 250])
  }

  @Test("a slow batch is followed by a short one, a quick one by no more than the file says")
  func bounds() {
    var size = BatchSize(rowsMax: 1_000)
    for _ in 0..<4 { size.adapt(changed: size.rows, took: .milliseconds(1)) }
    #expect(size.rows == 1_000)
    size.adapt(changed: 1_000, took: .milliseconds(100))
    #expect(size.rows == 250)
    size.adapt(changed: 250, took: .seconds(5))
    #expect(size.rows == BatchSize.rowsMin)
    var small = BatchSize(rowsMax: 5)
    #expect(small.rows == 5)
    small.adapt(changed: 5, took: .seconds(5))
    #expect(small.rows == 5)
  }

  @Test("a batch that found few rows says nothing of one with many")
  func few() {
    var size = BatchSize(rowsMax: 1_000)
    size.adapt(changed: 1, took: .milliseconds(500))
    size.adapt(changed: 100, took: .milliseconds(1))
    #expect(size.rows == 200)
  }
}
