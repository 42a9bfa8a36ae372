"""Answers probe.v1.Probe with a stock server (PyPI grpcio) that tells of itself by reflection, until
its input ends. Prints the port it listens on.

usage: reflection_server.py stock|single

stock is PyPI grpcio-reflection, which offers v1alpha alone; single offers v1 alone and sends one file
for a question, none that it needs.
"""

import os
import sys
import tempfile
from concurrent import futures

import grpc
import grpc_tools
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
# What the protos below import, for the default pool.
from google.protobuf import any_pb2, duration_pb2, empty_pb2, field_mask_pb2  # noqa: F401
from google.protobuf import struct_pb2, timestamp_pb2, wrappers_pb2
from grpc_reflection.v1alpha import reflection, reflection_pb2
from grpc_tools import protoc

NAME = "probe.v1.Probe"
PROTOS = {
    "probe/v1/all.proto": """
        syntax = "proto3";
        package probe.v1;
        import "google/protobuf/any.proto";
        import "google/protobuf/duration.proto";
        import "google/protobuf/empty.proto";
        import "google/protobuf/field_mask.proto";
        import "google/protobuf/struct.proto";
        import "google/protobuf/timestamp.proto";
        import "google/protobuf/wrappers.proto";
        message All {
          google.protobuf.DoubleValue double = 1;
          google.protobuf.FloatValue float = 2;
          google.protobuf.Int64Value int64 = 3;
          google.protobuf.UInt64Value uint64 = 4;
          google.protobuf.Int32Value int32 = 5;
          google.protobuf.UInt32Value uint32 = 6;
          google.protobuf.BoolValue bool = 7;
          google.protobuf.StringValue string = 8;
          google.protobuf.BytesValue bytes = 9;
          repeated google.protobuf.StringValue strings = 10;
          map<string, google.protobuf.Int64Value> numbers = 11;
          google.protobuf.Struct struct = 12;
          google.protobuf.Value value = 13;
          google.protobuf.ListValue list = 14;
          repeated google.protobuf.Value values = 15;
          map<string, google.protobuf.Value> named = 16;
          oneof choice {
            google.protobuf.NullValue nothing = 17;
            google.protobuf.Value something = 18;
          }
          google.protobuf.Timestamp time = 19;
          google.protobuf.Duration length = 20;
          google.protobuf.FieldMask mask = 21;
          google.protobuf.Empty empty = 22;
          google.protobuf.Any any = 23;
        }
        """,
    "probe/v1/probe.proto": """
        syntax = "proto3";
        package probe.v1;
        import "google/protobuf/struct.proto";
        import "google/protobuf/wrappers.proto";
        import "probe/v1/all.proto";
        service Probe {
          rpc Tell(All) returns (google.protobuf.StringValue);
          rpc Read(google.protobuf.StringValue) returns (All);
          rpc Nest(google.protobuf.Int32Value) returns (google.protobuf.Struct);
        }
        """,
}


def learn():
    """Compiles the protos into the default pool. Returns the class of All."""
    pool = descriptor_pool.Default()
    with tempfile.TemporaryDirectory() as folder:
        for name, text in PROTOS.items():
            path = os.path.join(folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        output = os.path.join(folder, "set")
        known = os.path.join(os.path.dirname(grpc_tools.__file__), "_proto")
        if protoc.main(
            ["protoc", f"-I{folder}", f"-I{known}", f"--descriptor_set_out={output}", *PROTOS]
        ):
            sys.exit("the protos do not compile")
        files = descriptor_pb2.FileDescriptorSet()
        with open(output, "rb") as file:
            files.ParseFromString(file.read())
    for file in files.file:
        pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("probe.v1.All"))


ALL = learn()


def tell(request, _):
    """The request in json_format's words."""
    return wrappers_pb2.StringValue(value=json_format.MessageToJson(request))


def read(request, context):
    """What json_format makes of a text."""
    try:
        return json_format.Parse(request.value, ALL())
    except json_format.ParseError as error:
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))


def nest(request, _):
    """A struct of so many inside each other."""
    nested = {}
    for _ in range(request.value - 1):
        nested = {"in": nested}
    answer = struct_pb2.Struct()
    answer.update(nested)
    return answer


def one_file(requests, _):
    pool = descriptor_pool.Default()
    for request in requests:
        answer = reflection_pb2.ServerReflectionResponse(original_request=request)
        try:
            if request.HasField("list_services"):
                answer.list_services_response.service.add(name=NAME)
            else:
                file = (
                    pool.FindFileByName(request.file_by_filename)
                    if request.HasField("file_by_filename")
                    else pool.FindFileContainingSymbol(request.file_containing_symbol)
                )
                answer.file_descriptor_response.file_descriptor_proto.append(file.serialized_pb)
        except KeyError as error:
            answer.error_response.error_code = grpc.StatusCode.NOT_FOUND.value[0]
            answer.error_response.error_message = str(error)
        yield answer


def handlers(service, functions, make):
    found = {
        name: make(
            function,
            request_deserializer=request.FromString,
            response_serializer=lambda message: message.SerializeToString(),
        )
        for name, (function, request) in functions.items()
    }
    return grpc.method_handlers_generic_handler(service, found)


def main():
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    functions = {
        "Tell": (tell, ALL),
        "Read": (read, wrappers_pb2.StringValue),
        "Nest": (nest, wrappers_pb2.Int32Value),
    }
    rooms = [handlers(NAME, functions, grpc.unary_unary_rpc_method_handler)]
    if sys.argv[1] == "stock":
        reflection.enable_server_reflection([NAME, reflection.SERVICE_NAME], server)
    else:
        rooms.append(
            handlers(
                "grpc.reflection.v1.ServerReflection",
                {"ServerReflectionInfo": (one_file, reflection_pb2.ServerReflectionRequest)},
                grpc.stream_stream_rpc_method_handler,
            )
        )
    server.add_generic_rpc_handlers(rooms)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(f"listening on 127.0.0.1:{port}", flush=True)
    sys.stdin.read()
    server.stop(grace=1).wait()


main()
