import CommonAPI

/// The proto files behind a server's services, by what tools ask for.
struct FileCatalogue: Sendable {
  private struct Extension: Hashable {
    var type: String
    var number: Int32
  }

  private var files: [FileOutline] = []
  private var byName: [String: Int] = [:]
  private var bySymbol: [String: Int] = [:]
  private var byExtension: [Extension: Int] = [:]
  private let services: [String]

  init(_ descriptors: [ServiceDescriptor]) {
    services = descriptors.map(\.fullName).sorted()
    for descriptor in descriptors {
      for file in FileOutline.files(ofSet: descriptor.fileDescriptors)
      where byName[file.name] == nil {
        add(file)
      }
    }
  }

  private mutating func add(_ file: FileOutline) {
    let index = files.count
    files.append(file)
    byName[file.name] = index
    for symbol in file.symbols { bySymbol[symbol] = index }
    for (type, number) in file.extensions {
      byExtension[Extension(type: type, number: number)] = index
    }
  }

  /// - Parameter told: files this stream has been given; they are not sent again.
  func answer(
    _ request: ServerReflectionRequest, told: inout Set<Int>
  ) -> ServerReflectionResponse {
    var response = ServerReflectionResponse()
    response.validHost = request.host
    response.originalRequest = request
    response.messageResponse =
      switch request.messageRequest {
      case .listServices:
        .listServicesResponse(
          ListServiceResponse(service: services.map { ServiceResponse(name: $0) }))
      case .fileByFilename(let name):
        filesResponse(byName[name], "file \(name)", &told)
      case .fileContainingSymbol(let symbol):
        filesResponse(bySymbol[symbol], "symbol \(symbol)", &told)
      case .fileContainingExtension(let wanted):
        filesResponse(
          byExtension[Extension(type: wanted.containingType, number: wanted.extensionNumber)],
          "extension \(wanted.extensionNumber) of \(wanted.containingType)", &told)
      case .allExtensionNumbersOfType(let type):
        numbersResponse(type)
      case nil:
        .errorResponse(
          ErrorResponse(
            errorCode: Int32(StatusCode.invalidArgument.rawValue), errorMessage: "nothing asked"))
      }
    return response
  }

  private func filesResponse(
    _ index: Int?, _ what: String, _ told: inout Set<Int>
  ) -> ServerReflectionResponse.MessageResponse {
    guard let index else { return notFound(what) }
    var order: [Int] = []
    var seen: Set<Int> = []
    collect(index, &order, &seen)
    // The file asked for comes first, even when it was sent before; what it needs comes once.
    let fresh = order.filter { $0 == index || !told.contains($0) }
    told.formUnion(fresh)
    return .fileDescriptorResponse(
      FileDescriptorResponse(fileDescriptorProto: fresh.map { files[$0].bytes }))
  }

  private func collect(_ first: Int, _ order: inout [Int], _ seen: inout Set<Int>) {
    var waiting = [first]
    while let index = waiting.popLast() {
      guard seen.insert(index).inserted else { continue }
      order.append(index)
      waiting.append(contentsOf: files[index].dependencies.compactMap { byName[$0] })
    }
  }

  private func numbersResponse(_ type: String) -> ServerReflectionResponse.MessageResponse {
    guard bySymbol[type] != nil else { return notFound("type \(type)") }
    let numbers = byExtension.keys.filter { $0.type == type }.map(\.number).sorted()
    return .allExtensionNumbersResponse(
      ExtensionNumberResponse(baseTypeName: type, extensionNumber: numbers))
  }

  private func notFound(_ what: String) -> ServerReflectionResponse.MessageResponse {
    .errorResponse(
      ErrorResponse(
        errorCode: Int32(StatusCode.notFound.rawValue), errorMessage: "there is no \(what)"))
  }
}

/// What reflection needs to know of one serialised `FileDescriptorProto`.
struct FileOutline: Sendable {
  let bytes: [UInt8]
  private(set) var name = ""
  private(set) var dependencies: [String] = []
  private(set) var symbols: [String] = []
  private(set) var extensions: [(type: String, number: Int32)] = []
  private var package = ""

  /// The files of a serialised `FileDescriptorSet`.
  static func files(ofSet bytes: [UInt8]) -> [FileOutline] {
    WireFieldReader.fields(of: bytes[...]).compactMap { number, value in
      guard number == 1, case .bytes(let file) = value else { return nil }
      return FileOutline(Array(file))
    }
  }

  private init(_ bytes: [UInt8]) {
    self.bytes = bytes
    let fields = WireFieldReader.fields(of: bytes[...])
    for case (let number, .bytes(let value)) in fields {
      switch number {
      case 1: name = Self.text(value)
      case 2: package = Self.text(value)
      case 3: dependencies.append(Self.text(value))
      default: break
      }
    }
    for case (let number, .bytes(let value)) in fields {
      switch number {
      case 4: addMessage(value, within: package)
      case 5: addNamed(value, within: package, children: 2)
      case 6: addNamed(value, within: package, children: 2)
      case 7: addExtension(value, within: package)
      default: break
      }
    }
  }

  private static func text(_ bytes: ArraySlice<UInt8>) -> String {
    String(decoding: bytes, as: UTF8.self)
  }

  private static func join(_ scope: String, _ name: String) -> String {
    scope.isEmpty ? name : "\(scope).\(name)"
  }

  private static func name(of fields: [(Int, WireFieldReader.Value)]) -> String {
    for case (1, .bytes(let value)) in fields { return text(value) }
    return ""
  }

  /// Messages nest only as deep as our own protos write them.
  private mutating func addMessage(_ bytes: ArraySlice<UInt8>, within scope: String) {
    let fields = WireFieldReader.fields(of: bytes)
    let full = Self.join(scope, Self.name(of: fields))
    symbols.append(full)
    for case (let number, .bytes(let value)) in fields {
      switch number {
      case 2, 8: symbols.append(Self.join(full, Self.name(of: WireFieldReader.fields(of: value))))
      case 3: addMessage(value, within: full)
      case 4: addNamed(value, within: full, children: 2)
      case 6: addExtension(value, within: full)
      default: break
      }
    }
  }

  /// An enum with its values, or a service with its methods.
  private mutating func addNamed(
    _ bytes: ArraySlice<UInt8>, within scope: String, children: Int
  ) {
    let fields = WireFieldReader.fields(of: bytes)
    let full = Self.join(scope, Self.name(of: fields))
    symbols.append(full)
    for case (children, .bytes(let value)) in fields {
      symbols.append(Self.join(full, Self.name(of: WireFieldReader.fields(of: value))))
    }
  }

  private mutating func addExtension(_ bytes: ArraySlice<UInt8>, within scope: String) {
    let fields = WireFieldReader.fields(of: bytes)
    symbols.append(Self.join(scope, Self.name(of: fields)))
    var type = ""
    var extensionNumber: Int32 = 0
    for (number, value) in fields {
      if number == 2, case .bytes(let name) = value { type = Self.text(name) }
      if number == 3, case .number(let wire) = value {
        extensionNumber = Int32(truncatingIfNeeded: wire)
      }
    }
    extensions.append((type.hasPrefix(".") ? String(type.dropFirst()) : type, extensionNumber))
  }
}

/// Reads protobuf fields one level deep. Stops at the first byte that is not protobuf.
enum WireFieldReader {
  enum Value {
    case number(UInt64)
    case bytes(ArraySlice<UInt8>)
    case other
  }

  static func fields(of bytes: ArraySlice<UInt8>) -> [(Int, Value)] {
    var rest = bytes
    var fields: [(Int, Value)] = []
    while let key = varint(&rest) {
      let number = Int(truncatingIfNeeded: key >> 3 & 0x1fff_ffff)
      switch key & 7 {
      case 0:
        guard let value = varint(&rest) else { return fields }
        fields.append((number, .number(value)))
      case 1:
        guard rest.count >= 8 else { return fields }
        rest = rest.dropFirst(8)
        fields.append((number, .other))
      case 2:
        guard let length = varint(&rest), length <= UInt64(rest.count) else { return fields }
        fields.append((number, .bytes(rest.prefix(Int(length)))))
        rest = rest.dropFirst(Int(length))
      case 5:
        guard rest.count >= 4 else { return fields }
        rest = rest.dropFirst(4)
        fields.append((number, .other))
      default:
        return fields
      }
    }
    return fields
  }

  private static func varint(_ rest: inout ArraySlice<UInt8>) -> UInt64? {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 70, by: 7) {
      guard let byte = rest.popFirst() else { return nil }
      value |= UInt64(byte & 0x7f) << shift
      if byte & 0x80 == 0 { return value }
    }
    return nil
  }
}
