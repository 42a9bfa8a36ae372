import Foundation
import Testing

/// The rules of the house over the checkout itself. Each failure reads `path:line: what is wrong`.
@Suite struct CheckoutTests {
  private let repository = Repository.current

  private func expectTidy(
    _ findings: [Finding], sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let list = findings.sorted().map(\.description).joined(separator: "\n")
    #expect(findings.isEmpty, "\n\(list)\n", sourceLocation: sourceLocation)
  }

  @Test("the checkout was found and read")
  func found() {
    #expect(repository.paths.contains("Package.swift"))
    #expect(repository.swift.count > 30)
    #expect(repository.texts(endingIn: ".proto").count > 4)
  }

  // MARK: Layers

  @Test("imports are direct dependencies, and keep to their folders")
  func imports() throws {
    let rules = LayerRules(map: try .current())
    expectTidy(repository.swift.flatMap(rules.imports))
  }

  @Test("no room reaches what it must not")
  func reach() throws { expectTidy(LayerRules(map: try .current()).reach) }

  @Test("calls between services go one way")
  func calls() throws { expectTidy(LayerRules(map: try .current()).calls) }

  @Test("no type is named as a module")
  func moduleNames() throws {
    let rules = LayerRules(map: try .current())
    expectTidy(repository.swift.flatMap(rules.names))
  }

  // MARK: One rpc, one word

  @Test("every rpc has its handler and its test")
  func rpcFiles() { expectTidy(RPCRules(repository).files()) }

  @Test("every handler file answers an rpc")
  func handlers() { expectTidy(RPCRules(repository).handlers(repository.swift)) }

  @Test("access rules let in only services that may call")
  func callers() throws { expectTidy(RPCRules(repository).callers(try .current())) }

  @Test("rpcs named in Swift exist")
  func rpcNames() { expectTidy(RPCRules(repository).names(repository.swift)) }

  // MARK: Text

  @Test("files and functions are short")
  func shape() { expectTidy(repository.swift.flatMap(TextRules.shape)) }

  @Test("unchecked promises stand in three rooms, each with its reason")
  func safety() { expectTidy(repository.swift.flatMap(TextRules.safety)) }

  @Test("no words that stop the process")
  func words() { expectTidy(repository.swift.flatMap(TextRules.words)) }

  @Test("no unfinished work without an issue, no SELECT *")
  func notes() { expectTidy(repository.texts.flatMap(TextRules.notes)) }

  @Test("types have names that say something")
  func typeNames() { expectTidy(repository.swift.flatMap(TextRules.names)) }

  @Test("one function sets the tenant")
  func prologue() { expectTidy(TextRules.prologue(repository.swift)) }

  // MARK: Files

  @Test("migrations are numbered without a gap")
  func migrations() { expectTidy(FileRules.migrations(repository.paths)) }

  @Test("every service has its page and its parts")
  func services() { expectTidy(FileRules.services(repository.paths)) }

  @Test("links lead somewhere")
  func links() { expectTidy(FileRules.links(repository)) }
}
