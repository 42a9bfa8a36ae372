// protoc-gen-clientele: reads a request from protoc, writes Swift, C, OpenAPI and the access table.
import Foundation
import SwiftProtobufPluginLibrary

let input = FileHandle.standardInput.readDataToEndOfFile()
var response = Google_Protobuf_Compiler_CodeGeneratorResponse()
// FEATURE_PROTO3_OPTIONAL
response.supportedFeatures = 1
do {
  let request = try Google_Protobuf_Compiler_CodeGeneratorRequest(serializedBytes: Array(input))
  response.file = try Generator(request).outputs().map { output in
    .with {
      $0.name = output.name
      $0.content = output.content
    }
  }
} catch {
  response.error = String(describing: error)
}
FileHandle.standardOutput.write(try response.serializedData())
