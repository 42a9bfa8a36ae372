"""Answers grpc.testing.TestService with a stock server (PyPI grpcio), until its input ends.
Prints the port it listens on.

usage: interop_server.py --descriptors FILE [--cert FILE --key FILE]
"""

import argparse
import sys
import time
from concurrent import futures

import grpc

import interop_protos

INITIAL = "x-grpc-test-echo-initial"
TRAILING = "x-grpc-test-echo-trailing-bin"


class Service:
    """One method an rpc. How a request came, a handler cannot see here: what it says about that is
    believed."""

    def __init__(self, protos):
        self.protos = protos

    def payload(self, size):
        return self.protos.message("Payload")(body=bytes(size))

    def EmptyCall(self, request, context):
        echo(context)
        return self.protos.message("Empty")()

    def UnaryCall(self, request, context):
        echo(context)
        if request.HasField("response_status"):
            end(context, request.response_status)
        elif request.response_compressed.value:
            context.set_compression(grpc.Compression.Gzip)
        return self.protos.message("SimpleResponse")(payload=self.payload(request.response_size))

    def StreamingInputCall(self, requests, context):
        echo(context)
        size = sum(len(request.payload.body) for request in requests)
        return self.protos.message("StreamingInputCallResponse")(aggregated_payload_size=size)

    def StreamingOutputCall(self, request, context):
        if any(one.compressed.value for one in request.response_parameters):
            context.set_compression(grpc.Compression.Gzip)
        echo(context)
        yield from self.serve(request, context)

    def FullDuplexCall(self, requests, context):
        echo(context)
        for request in requests:
            yield from self.serve(request, context)
            if request.HasField("response_status"):
                return

    def serve(self, request, context):
        if request.HasField("response_status"):
            return end(context, request.response_status)
        for one in request.response_parameters:
            time.sleep(one.interval_us / 1e6)
            if not one.compressed.value:
                context.disable_next_message_compression()
            message = self.protos.message("StreamingOutputCallResponse")
            yield message(payload=self.payload(one.size))


def echo(context):
    pairs = dict(context.invocation_metadata())
    if INITIAL in pairs:
        context.send_initial_metadata(((INITIAL, pairs[INITIAL]),))
    if TRAILING in pairs:
        context.set_trailing_metadata(((TRAILING, pairs[TRAILING]),))


def end(context, status):
    codes = {code.value[0]: code for code in grpc.StatusCode}
    context.set_code(codes[status.code])
    context.set_details(status.message)


def handlers(protos):
    service = Service(protos)
    found = {}
    for method in protos.methods("TestService"):
        function = getattr(service, method.name, None)
        if function is not None:
            make = getattr(grpc, f"{method.kind}_rpc_method_handler")
            found[method.name] = make(
                function,
                request_deserializer=method.request.FromString,
                response_serializer=method.response.SerializeToString,
            )
    return grpc.method_handlers_generic_handler("grpc.testing.TestService", found)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--descriptors", required=True)
    parser.add_argument("--cert")
    parser.add_argument("--key")
    options = parser.parse_args()
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=16))
    server.add_generic_rpc_handlers((handlers(interop_protos.Protos(options.descriptors)),))
    if options.cert is None:
        port = server.add_insecure_port("127.0.0.1:0")
    else:
        with open(options.key, "rb") as key, open(options.cert, "rb") as cert:
            pair = (key.read(), cert.read())
        port = server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
    server.start()
    print(f"listening on 127.0.0.1:{port}", flush=True)
    sys.stdin.read()
    server.stop(grace=1).wait()


main()
