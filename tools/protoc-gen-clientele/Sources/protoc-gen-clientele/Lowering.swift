import Foundation
import SwiftProtobuf
import SwiftProtobufPluginLibrary

/// Rewrites descriptors to what protoc-gen-c 1.4.1 handles well, without changing what goes over
/// the wire, and runs it.
///
/// - string → bytes in C: a `char *` would end at the first NUL.
/// - `optional` → a oneof of one field: protoc-gen-c refuses proto3 `optional`.
/// - enum → int32: values that are not declared are kept, and C needs no enum types.
/// - repeated numbers are packed by option: protoc-gen-c does not know proto3's default.
/// - maps → repeated entries, which is what they are.
enum Lowering {
  typealias File = Google_Protobuf_FileDescriptorProto
  typealias Message = Google_Protobuf_DescriptorProto
  typealias Field = Google_Protobuf_FieldDescriptorProto

  /// The C files of the given protos, by path below the C room.
  static func generateC(
    _ files: [File], names: Set<String>
  ) throws -> [(name: String, content: String)] {
    let kept = Set(
      files.filter { !$0.messageType.isEmpty }.map(\.name)
        .filter { names.contains($0) || Layout.hasC($0) })
    var request = Google_Protobuf_Compiler_CodeGeneratorRequest()
    request.protoFile = try files.filter { kept.contains($0.name) }.map { try lower($0, kept) }
    request.fileToGenerate = request.protoFile.map(\.name).filter(names.contains)
    let response = try run(request)
    guard response.error.isEmpty else { throw GeneratorError("protoc-gen-c: \(response.error)") }
    var outputs: [(name: String, content: String)] = []
    var headers: [String: [String]] = [:]
    for file in response.file {
      let module = Layout.cModule(ofFile: file.name)
      let folder = Layout.folder(ofCModule: module)
      let isHeader = file.name.hasSuffix(".h")
      outputs.append((folder + (isHeader ? "/include/" : "/") + file.name, file.content))
      if isHeader { headers[module, default: []].append(file.name) }
    }
    for (module, names) in headers {
      let include = Layout.folder(ofCModule: module) + "/include/"
      outputs.append(
        (include + "\(module).h", names.sorted().map { "#include \"\($0)\"\n" }.joined()))
      outputs.append(
        (
          include + "module.modulemap",
          "module \(module) {\n  header \"\(module).h\"\n  export *\n}\n"
        ))
    }
    return outputs
  }

  private static func lower(_ file: File, _ kept: Set<String>) throws -> File {
    var lowered = File()
    lowered.name = file.name
    lowered.package = file.package
    lowered.syntax = file.syntax
    lowered.dependency = file.dependency.filter(kept.contains)
    lowered.messageType = try file.messageType.map(lower)
    return lowered
  }

  private static func lower(_ message: Message) throws -> Message {
    var lowered = Message()
    lowered.name = message.name
    lowered.nestedType = try message.nestedType.map(lower)
    let synthetic = Set(message.field.filter(\.proto3Optional).map(\.oneofIndex))
    var newIndex: [Int32: Int32] = [:]
    for (index, oneof) in message.oneofDecl.enumerated() where !synthetic.contains(Int32(index)) {
      newIndex[Int32(index)] = Int32(lowered.oneofDecl.count)
      lowered.oneofDecl.append(oneof)
    }
    for field in message.field {
      var new = Field()
      new.name = Names.lowered(field.name)
      new.number = field.number
      new.label = field.label
      new.type = field.type == .enum ? .int32 : field.type
      if field.type == .message { new.typeName = field.typeName }
      new.options = try options(of: new)
      if field.proto3Optional {
        // A message says by itself whether it is there.
        if field.type != .message {
          new.oneofIndex = Int32(lowered.oneofDecl.count)
          lowered.oneofDecl.append(.with { $0.name = presence(field.number) })
        }
      } else if field.hasOneofIndex, let index = newIndex[field.oneofIndex] {
        new.oneofIndex = index
      }
      lowered.field.append(new)
    }
    return lowered
  }

  /// The oneof that stands for `optional`.
  static func presence(_ number: Int32) -> String { "presence\(number)" }

  private static func options(of field: Field) throws -> Google_Protobuf_FieldOptions {
    if field.type == .string {
      // Extension 1019 (pb_c_field), field 1 (string_as_bytes): true.
      return try Google_Protobuf_FieldOptions(serializedBytes: [0xDA, 0x3F, 0x02, 0x08, 0x01])
    }
    var options = Google_Protobuf_FieldOptions()
    if field.label == .repeated, field.type != .bytes, field.type != .message {
      options.packed = true
    }
    return options
  }

  private static func run(
    _ request: Google_Protobuf_Compiler_CodeGeneratorRequest
  ) throws -> Google_Protobuf_Compiler_CodeGeneratorResponse {
    let input = FileManager.default.temporaryDirectory
      .appendingPathComponent("clientele-lowered-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: input) }
    try request.serializedData().write(to: input)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["protoc-gen-c"]
    process.standardInput = try FileHandle(forReadingFrom: input)
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let answer = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw GeneratorError("protoc-gen-c failed") }
    return try Google_Protobuf_Compiler_CodeGeneratorResponse(serializedBytes: Array(answer))
  }
}

/// Why nothing is generated; protoc shows it.
struct GeneratorError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}
