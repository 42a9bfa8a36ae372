// protoc-gen-clientele: reads a request from protoc, writes Swift, C, OpenAPI and the access table.
import Foundation
import SwiftProtobufPluginLibrary

let input = FileHandle.standardInput.readDataToEndOfFile()
var response = Google_Protobuf_Compiler_CodeGeneratorResponse()
// FEATURE_PROTO3_OPTIONAL
response.supportedFeatures = 1
do {
  let request = try Google_Protobuf_Compiler_CodeGeneratorRequest(serializedBytes: Array(input))
  let outputs = try Layout.$outside.withValue(room(request.parameter)) {
    try Generator(request).outputs()
  }
  response.file = outputs.map { output in
    .with {
      $0.name = output.name
      $0.content = output.content
    }
  }
} catch {
  response.error = String(describing: error)
}
FileHandle.standardOutput.write(try response.serializedData())

/// The room that the option `room=NAME` names; nil without options, as this project calls it.
func room(_ parameter: String) throws -> String? {
  guard !parameter.isEmpty else { return nil }
  let name = parameter.hasPrefix("room=") ? parameter.dropFirst("room=".count) : ""
  guard name.first?.isUppercase == true, name.allSatisfy({ $0.isLetter || $0.isNumber }) else {
    throw GeneratorError("the only option is room=NAME, such as room=Greeter, not \(parameter)")
  }
  return String(name)
}
