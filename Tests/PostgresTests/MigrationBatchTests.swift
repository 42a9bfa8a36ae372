import Testing

@testable import Postgres

@Suite struct MigrationBatchTests {
  @Test("the file's number of rows is replaced, and is the most there can be")
  func text() throws {
    let batch = try #require(MigrationBatch("select 1 ORDER BY id LIMIT 1000 FOR UPDATE"))
    #expect(batch.rowsMax == 1_000)
    #expect(batch.sql(rows: 20) == "select 1 ORDER BY id LIMIT 20 FOR UPDATE")
  }

  @Test("batches grow by a quarter at most until they take as long as they may")
  func growth() {
    var size = BatchSize(rowsMax: 1_000)
    #expect(size.rows == 1)
    size.adapt(changed: 1, took: .zero)
    var sizes: [Int] = []
    for _ in 1..<BatchSize.probeEvery {
      sizes.append(size.rows)
      // A tenth of a millisecond a row.
      size.adapt(changed: size.rows, took: .microseconds(100 * size.rows))
    }
    #expect(sizes.prefix(4) == [20, 25, 31, 38])
    #expect(sizes.suffix(2) == [250, 250])
    #expect(size.rows == 1)
  }

  @Test("what finding takes, as a batch of one row shows, makes no batch smaller")
  func finding() {
    var size = BatchSize(rowsMax: 1_000)
    for _ in 0..<4 * BatchSize.probeEvery {
      size.adapt(changed: size.rows, took: .milliseconds(40) + .microseconds(100 * size.rows))
    }
    #expect(size.rows == 1)
    size.adapt(changed: 1, took: .seconds(1))
    #expect(size.rows == 251)
    size.adapt(changed: 251, took: .milliseconds(90))
    #expect(size.rows == 125)
  }

  @Test("a slow batch is followed by a short one, a quick one by no more than the file says")
  func bounds() {
    var size = BatchSize(rowsMax: 100)
    size.adapt(changed: 1, took: .zero)
    for _ in 0..<10 { size.adapt(changed: size.rows, took: .milliseconds(1)) }
    #expect(size.rows == 100)
    size.adapt(changed: 100, took: .milliseconds(50))
    #expect(size.rows == 50)
    size.adapt(changed: 50, took: .seconds(5))
    #expect(size.rows == BatchSize.rowsMin)
    var small = BatchSize(rowsMax: 5)
    small.adapt(changed: 1, took: .zero)
    #expect(small.rows == 5)
    small.adapt(changed: 5, took: .seconds(5))
    #expect(small.rows == 5)
  }

  @Test("a batch that found few rows says nothing of one with many")
  func few() {
    var size = BatchSize(rowsMax: 1_000)
    size.adapt(changed: 1, took: .zero)
    size.adapt(changed: 1, took: .milliseconds(500))
    #expect(size.rows == BatchSize.rowsMin)
    size.adapt(changed: 20, took: .milliseconds(1))
    #expect(size.rows == 25)
  }

  @Test("a batch that is given up is followed by one of half the rows, one row by more time")
  func givingUp() {
    var size = BatchSize(rowsMax: 1_000)
    #expect(size.timeMax == BatchSize.keepsMax)
    size.giveUp()
    #expect(size.rows == 1)
    #expect(size.timeMax == BatchSize.keepsMax * 2)
    size.adapt(changed: 1, took: .milliseconds(10))
    #expect(size.timeMax == BatchSize.keepsMax + .milliseconds(10))
    size.giveUp()
    #expect(size.rows == 10)
    for _ in 0..<4 { size.giveUp() }
    #expect(size.rows == 1)
    #expect(size.timeMax > BatchSize.keepsMax + .milliseconds(10))
    size.adapt(changed: 1, took: .milliseconds(1))
    #expect(size.rows == BatchSize.rowsMin)
  }
}
