import Testing

@testable import HTTP2

@Suite struct SpareBlocksTests {
  private func take(_ count: Int, _ spares: inout SpareBlocks) throws -> UnsafeMutableRawPointer {
    let block = spares.take(count)
    return try #require(block)
  }

  /// Writes to all of a block.
  private func fill(_ block: UnsafeMutableRawPointer, _ count: Int, with byte: UInt8) {
    block.initializeMemory(as: UInt8.self, repeating: byte, count: count)
  }

  private func holds(_ block: UnsafeMutableRawPointer, _ count: Int, _ byte: UInt8) -> Bool {
    UnsafeRawBufferPointer(start: block, count: count).allSatisfy { $0 == byte }
  }

  @Test("what was given back is handed out again, to one user at a time")
  func reuse() throws {
    var spares = SpareBlocks()
    let first = try take(100, &spares)
    spares.give(first)
    let second = try take(90, &spares)
    #expect(second == first)
    let third = try take(100, &spares)
    #expect(third != second)
    spares.give(second)
    spares.give(third)
  }

  @Test("blocks of every size are whole, apart and aligned", arguments: [false, true])
  func sizes(again: Bool) throws {
    var spares = SpareBlocks()
    let counts = [0, 1, 47, 48, 49, 111, 112, 113, 1_007, 1_008, 1_009, 1_024, 5_000, 70_000]
    if again {
      var blocks: [UnsafeMutableRawPointer] = []
      for count in counts { blocks.append(try take(count, &spares)) }
      for block in blocks { spares.give(block) }
    }
    var blocks: [UnsafeMutableRawPointer] = []
    for (index, count) in counts.enumerated() {
      let block = try take(count, &spares)
      #expect(UInt(bitPattern: block) % 16 == 0)
      fill(block, count, with: UInt8(index))
      blocks.append(block)
    }
    for (index, count) in counts.enumerated() {
      #expect(holds(blocks[index], count, UInt8(index)))
      spares.give(blocks[index])
    }
  }

  @Test("a block that grows or shrinks keeps what it holds")
  func resizing() throws {
    let counts = [10, 48, 49, 1_008, 1_009, 1_024, 1_025, 4_000]
    for from in counts {
      for to in counts {
        var spares = SpareBlocks()
        let block = try take(from, &spares)
        fill(block, from, with: 7)
        let resized = spares.resize(block, to)
        let moved = try #require(resized)
        #expect(holds(moved, min(from, to), 7), "\(from) to \(to)")
        fill(moved, to, with: 8)
        spares.give(moved)
      }
    }
  }

  @Test("no more is kept than a bound, and a rest keeps nothing")
  func bound() throws {
    var spares = SpareBlocks()
    var blocks: [UnsafeMutableRawPointer] = []
    for _ in 0..<300 { blocks.append(try take(1_000, &spares)) }
    for block in blocks { spares.give(block) }
    var kept = spares.spareBytes
    #expect(kept == 64 << 10)
    spares.removeAll()
    kept = spares.spareBytes
    #expect(kept == 0)
    let block = try take(1_000, &spares)
    spares.give(block)
    kept = spares.spareBytes
    #expect(kept == 1 << 10)
  }
}
