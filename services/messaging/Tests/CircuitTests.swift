import Testing

@testable import MessagingCore

@Suite struct CircuitTests {
  private let start = ContinuousClock.now

  private func broken() -> Circuit {
    var circuit = Circuit()
    for second in 0..<Circuit.failuresMax {
      #expect(circuit.admit(start + .seconds(second)) == nil)
      circuit.note(answered: false, start + .seconds(second))
    }
    return circuit
  }

  @Test("five failures within ten seconds open it for half a minute")
  func opens() {
    var circuit = broken()
    #expect(circuit.isOpen(start + .seconds(4)) && circuit.isOpen(start + .seconds(33)))
    #expect(circuit.admit(start + .seconds(4)) == Circuit.pause)
    #expect(circuit.admit(start + .seconds(33)) == .seconds(1))
    #expect(!circuit.isOpen(start + .seconds(34)))
  }

  @Test("failures further apart, or with a success between them, do not")
  func stays() {
    var slow = Circuit()
    for failure in 0..<20 { slow.note(answered: false, start + .seconds(failure * 3)) }
    #expect(slow.admit(start + .seconds(60)) == nil)
    var mixed = Circuit()
    for failure in 0..<20 {
      mixed.note(answered: false, start)
      if failure % 4 == 3 { mixed.note(answered: true, start) }
    }
    #expect(mixed.admit(start) == nil)
  }

  @Test("then one may try, and its word decides for all")
  func probe() {
    var circuit = broken()
    let later = start + .seconds(34)
    #expect(circuit.admit(later) == nil)
    #expect(circuit.isOpen(later))
    #expect(circuit.admit(later) == Circuit.pause)
    circuit.note(answered: false, later)
    #expect(circuit.admit(later + .seconds(1)) == .seconds(29))
    #expect(circuit.admit(later + .seconds(30)) == nil)
    circuit.note(answered: true, later + .seconds(30))
    #expect(circuit.admit(later + .seconds(30)) == nil)
    #expect(circuit.admit(later + .seconds(30)) == nil)
  }

  @Test("a probe that never says anything is forgotten")
  func silence() {
    var circuit = broken()
    #expect(circuit.admit(start + .seconds(40)) == nil)
    #expect(circuit.admit(start + .seconds(69)) == .seconds(1))
    #expect(circuit.admit(start + .seconds(70)) == nil)
  }
}
