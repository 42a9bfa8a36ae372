import Foundation

/// The services of a proto file, read line by line; `buf lint` and `buf format` keep the lines so.
struct ProtoFile: Sendable {
  struct RPC: Sendable, Hashable {
    /// `clientele.identity.v1.IdentityService`
    let service: String
    let name: String
    let index: Int
    /// Names in `callers:` of its access rule.
    let callers: [String]

    var path: String { "\(service)/\(name)" }
  }

  let text: TextFile
  let package: String
  let rpcs: [RPC]

  init(_ text: TextFile) {
    self.text = text
    let lines = text.lines.map { line in
      line.range(of: "//").map { String(line[..<$0.lowerBound]) } ?? line
    }
    package =
      lines.first { $0.hasPrefix("package ") }?
      .dropFirst("package ".count).trimmingCharacters(in: [";", " "]) ?? ""
    var rpcs: [RPC] = []
    var service = ""
    for (index, line) in lines.enumerated() {
      let words = line.split(whereSeparator: { " ({".contains($0) }).map(String.init)
      guard words.count >= 2 else { continue }
      if words[0] == "service" { service = words[1] }
      guard words[0] == "rpc" else { continue }
      rpcs.append(
        RPC(
          service: "\(package).\(service)", name: words[1], index: index,
          callers: Self.callers(in: Self.body(of: index, lines))))
    }
    self.rpcs = rpcs
  }

  init(path: String, _ text: String) { self.init(TextFile(path: path, text: text)) }

  /// The folder under services/ that answers for this package, or nil when the runtime does.
  var folder: String? {
    let parts = package.split(separator: ".").map(String.init)
    guard parts.count == 3, parts[0] == "clientele" else { return nil }
    guard !["common", "feed"].contains(parts[1]) else { return nil }
    return parts[1].replacing("_", with: "-")
  }

  /// The text from an rpc to the next one, or to the end of its service.
  private static func body(of index: Int, _ lines: [String]) -> String {
    var body = lines[index]
    for line in lines[(index + 1)...] {
      if line.drop(while: \.isWhitespace).hasPrefix("rpc ") || line.hasPrefix("}") { break }
      body += "\n" + line
    }
    return body
  }

  /// Both spellings: `callers: ["a", "b"]` and repeated `callers: "a"`.
  private static func callers(in body: String) -> [String] {
    var callers: [String] = []
    var rest = body[...]
    while let start = rest.range(of: "callers:") {
      rest = rest[start.upperBound...]
      let value = rest.drop(while: \.isWhitespace)
      let end = value.hasPrefix("[") ? value.firstIndex(of: "]") : value.firstIndex(of: "\n")
      let list = value[..<(end ?? value.endIndex)]
      let quoted = list.split(separator: "\"", omittingEmptySubsequences: false)
      callers += quoted.enumerated().filter { $0.offset % 2 == 1 }.map { String($0.element) }
    }
    return callers
  }
}

/// One rpc is one word: the handler's file, its function and its test carry it.
struct RPCRules {
  let protos: [ProtoFile]
  let paths: Set<String>

  init(_ repository: Repository) {
    protos = repository.texts(endingIn: ".proto", under: "protos/").map(ProtoFile.init)
    paths = repository.paths
  }

  /// Every rpc has its handler and its test.
  func files() -> [Finding] {
    protos.flatMap { proto -> [Finding] in
      guard let folder = proto.folder else { return [] }
      return proto.rpcs.flatMap { rpc -> [Finding] in
        let handler = "services/\(folder)/Service/Handlers/"
        let test = "services/\(folder)/Tests/"
        var findings: [Finding] = []
        if !has("\(rpc.name).swift", under: handler) {
          findings.append(
            proto.text.finding(rpc.index, "\(rpc.name) has no \(handler)…/\(rpc.name).swift"))
        }
        if !has("\(rpc.name)Tests.swift", under: test) {
          findings.append(
            proto.text.finding(rpc.index, "\(rpc.name) has no \(test)…/\(rpc.name)Tests.swift"))
        }
        return findings
      }
    }
  }

  private func has(_ name: String, under folder: String) -> Bool {
    paths.contains { $0.hasPrefix(folder) && $0.hasSuffix("/\(name)") }
  }

  /// A file named for an rpc holds its function, and a handler of an rpc that is gone is gone too.
  func handlers(_ files: [SwiftFile]) -> [Finding] {
    files.compactMap { file -> Finding? in
      let parts = file.path.split(separator: "/").map(String.init)
      guard parts.count >= 5, parts[0] == "services", parts[2] == "Service", parts[3] == "Handlers"
      else { return nil }
      let word = String(file.text.name.dropLast(".swift".count))
      let function = word.prefix(1).lowercased() + word.dropFirst()
      let isHandler = file.functions.contains { $0.name == function }
      let rpcs = protos.filter { $0.folder == parts[1] }.flatMap(\.rpcs)
      if rpcs.contains(where: { $0.name == word }) {
        return isHandler
          ? nil : file.text.finding(0, "\(word).swift has no func \(function)")
      }
      return isHandler ? file.text.finding(0, "no rpc of \(parts[1]) is called \(word)") : nil
    }
  }

  /// A service that an access rule lets in must be one that may call.
  func callers(_ map: PackageMap) -> [Finding] {
    let rooms = Dictionary(
      PackageMap.order.map { (PackageMap.folder(of: $0), $0) }, uniquingKeysWith: { $1 })
    return protos.flatMap { proto -> [Finding] in
      guard let callee = proto.folder.flatMap({ rooms[$0] }) else { return [] }
      return proto.rpcs.flatMap { rpc in
        rpc.callers.compactMap { caller -> Finding? in
          guard caller != "operator" else { return nil }
          let index = rpc.index
          guard let room = rooms[caller] else {
            return proto.text.finding(index, "\(rpc.name): \(caller) is no service")
          }
          guard map.calls[room]?.contains(callee) != true else { return nil }
          return proto.text.finding(
            index, "\(rpc.name) lets \(caller) in, which Package.swift does not let call \(callee)")
        }
      }
    }
  }

  /// Ways out and clients may only name rpcs that exist: in full, or `.calling("Rpc"` for one of
  /// the service's own.
  func names(_ files: [SwiftFile]) -> [Finding] {
    let known = Set(protos.flatMap(\.rpcs).map(\.path))
    return files.flatMap { file -> [Finding] in
      guard !file.text.isGenerated, !file.text.isTidy else { return [] }
      let parts = file.path.split(separator: "/").map(String.init)
      let folder = parts.first == "services" && parts.count > 1 ? parts[1] : nil
      let own = Set(protos.filter { $0.folder == folder }.flatMap(\.rpcs).map(\.name))
      return file.text.lines.enumerated().flatMap { index, line -> [Finding] in
        let full = Self.matches(#"clientele\.[a-z_]+\.v[0-9]+\.[A-Za-z]+/[A-Za-z]+"#, in: line)
        let short = Self.matches(#"\.calling\("[A-Za-z]+""#, in: line)
          .compactMap { $0.split(separator: "\"").last.map(String.init) }
        let unknown = full.filter { !known.contains($0) } + short.filter { !own.contains($0) }
        return unknown.map { file.text.finding(index, "no proto has the rpc \($0)") }
      }
    }
  }

  private static func matches(_ pattern: String, in line: String) -> [String] {
    // The regular expression costs far more than this look.
    guard line.contains("clientele.") || line.contains(".calling(") else { return [] }
    var found: [String] = []
    var rest = line[...]
    while let range = rest.range(of: pattern, options: .regularExpression) {
      found.append(String(rest[range]))
      rest = rest[range.upperBound...]
    }
    return found
  }
}
