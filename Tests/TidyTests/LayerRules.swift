/// Who may import what, and who may call whom.
struct LayerRules {
  let map: PackageMap

  /// Modules of the toolchain, open to everyone.
  private static let toolchain: Set = [
    "Swift", "Foundation", "FoundationEssentials", "FoundationInternationalization",
    "FoundationNetworking", "Glibc",
    "Musl", "Darwin", "Dispatch", "Synchronization", "RegexBuilder", "Observation",
  ]

  /// Modules that come with a product under another name than the product's own.
  private static let together: [String: Set<String>] = [
    "Hummingbird": ["HummingbirdCore", "HTTPTypes", "NIOHTTPTypes"],
    "NIOCore": ["NIOConcurrencyHelpers"],
  ]

  /// Only the room on the right may see the C library on the left.
  private static let cRooms: [String: Set<String>] = [
    "CNGHTTP2": ["HTTP2", "HTTP2Tests"],
    "CZlib": ["GRPC"],
    "CLibPQ": ["Postgres"],
    "CArgon2": ["IdentityCore"],
    "CCrack": ["IdentityCore"],
    "CCURL": ["MessagingCore"],
    "CIDN2": ["ServiceKit"],
    // And the API rooms, whose generated code turns C structs into Swift values.
    "CProtobufC": ["Protobuf", "CommonAPI"],
    "CProtos": ["CommonAPI"],
  ]

  private static let generatedC: Set = ["CProtobufC", "CProtos"]

  private static let storage: Set = ["Postgres", "Feed", "ServiceStorage"]

  // MARK: Imports

  func imports(of file: SwiftFile) -> [Finding] {
    guard let target = map.target(of: file.path) else { return [] }
    return file.imports.flatMap { line -> [Finding] in
      problems(line, in: file, target).map { file.text.finding(line.index, $0) }
    }
  }

  private func problems(_ line: SwiftFile.Import, in file: SwiftFile, _ target: PackageMap.Target)
    -> [String]
  {
    var problems: [String] = []
    let module = line.module
    if !mayImport(module, target) {
      problems.append("imports \(module), which is no direct dependency of \(target.name)")
    }
    let isGenerated = Self.generatedC.contains(module) && target.name.hasSuffix("API")
    if let rooms = Self.cRooms[module], !rooms.contains(target.name), !isGenerated {
      problems.append("imports \(module); only \(rooms.sorted().joined(separator: ", ")) may")
    }
    if map.targets[module]?.kind == "system", Self.cRooms[module] == nil {
      problems.append("imports \(module), which has no room yet: name it in LayerRules")
    }
    if line.isPublic, module.hasPrefix("C"), Self.cRooms[module] != nil,
      !Self.generatedC.contains(module)
    {
      problems.append("shows the C types of \(module) to other rooms (public import)")
    }
    if Self.storage.contains(module), !mayTouchStorage(file.path) {
      problems.append("imports \(module) outside Storage/, Main/ and tests")
    }
    return problems
  }

  private func mayImport(_ module: String, _ target: PackageMap.Target) -> Bool {
    if Self.toolchain.contains(module) || module == target.name { return true }
    if module == "Testing" { return target.kind == "test" || target.name == "TestKit" }
    if target.dependencies.contains(module) { return true }
    return target.dependencies.contains { Self.together[$0]?.contains(module) ?? false }
  }

  /// Within a service the database rooms are for Storage/ (and Main/ and tests); elsewhere
  /// Package.swift decides.
  private func mayTouchStorage(_ path: String) -> Bool {
    guard path.hasPrefix("services/") else { return true }
    if path.hasPrefix("services/gateway/") { return false }
    return path.contains("/Service/Storage/") || path.contains("/Main/") || path.contains("/Tests/")
  }

  // MARK: Targets

  /// What no chain of dependencies may reach.
  var reach: [Finding] {
    var findings: [Finding] = []
    func forbid(_ from: String, _ to: String, _ why: String) {
      guard map.reach(of: from).contains(to) else { return }
      findings.append(
        Finding(path: "Package.swift", line: 1, message: "\(from) reaches \(to): \(why)"))
    }
    forbid("ServiceKit", "Postgres", "what joins the two is ServiceStorage")
    for room in ["GatewayCore", "GatewayMain"] {
      for storage in Self.storage { forbid(room, storage, "the gateway has no database") }
    }
    for caller in PackageMap.order {
      for other in PackageMap.order where other != caller {
        for part in ["Core", "Main"] {
          forbid("\(caller)\(part)", "\(other)Core", "services meet through their APIs only")
        }
      }
    }
    return findings
  }

  /// Calls go one way: identity ← organization ← client-directory ← messaging ← gateway.
  var calls: [Finding] {
    var findings: [Finding] = []
    func report(_ message: String) {
      findings.append(Finding(path: "Package.swift", line: 1, message: message))
    }
    let calls = map.calls
    for room in PackageMap.order where calls[room] == nil { report("\(room)Core is missing") }
    for (room, callees) in calls {
      guard let rank = PackageMap.order.firstIndex(of: room) else {
        report("\(room) has no place in the order of services")
        continue
      }
      for callee in callees where !PackageMap.order[..<rank].contains(callee) {
        report("\(room) may not call \(callee)")
      }
    }
    return findings
  }

  /// Where a module is imported, a type of the same name hides it. Nobody imports programs and
  /// tests.
  func names(of file: SwiftFile) -> [Finding] {
    file.declaredTypes.compactMap { name, index in
      guard map.targets[name]?.kind == "regular" else { return nil }
      return file.text.finding(index, "type \(name) is named as a module")
    }
  }
}

extension SwiftFile {
  /// Names of the types declared here, with the line of each.
  var declaredTypes: [(name: String, index: Int)] {
    let keywords: Set = ["struct", "class", "enum", "actor", "protocol", "typealias"]
    return code.enumerated().compactMap { index, line in
      let words = line.split(whereSeparator: { " :<{=(".contains($0) }).map(String.init)
      guard let place = words.firstIndex(where: keywords.contains), words.count > place + 1 else {
        return nil
      }
      let modifiers = words[..<place]
      let known: Set = [
        "public", "package", "internal", "private", "fileprivate", "final", "indirect", "open",
        "nonisolated",
      ]
      guard modifiers.allSatisfy({ known.contains($0) || $0.hasPrefix("@") }) else { return nil }
      guard words[place + 1].first?.isUppercase == true else { return nil }
      return (words[place + 1], index)
    }
  }
}
