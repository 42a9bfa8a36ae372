"""Runs the cases of gRPC's interoperability tests with a stock client (PyPI grpcio) against a server,
and asks its health and reflection. Prints one line a case and ends with 1 when one failed.

usage: interop_client.py --target HOST:PORT --descriptors FILE [--ca FILE]
"""

import argparse
import queue
import sys
import time
import traceback

import grpc
from google.protobuf import descriptor_pool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

import interop_protos

LARGE_REQUEST = 271828
LARGE_RESPONSE = 314159
REQUESTS = (27182, 8, 1828, 45904)
RESPONSES = (31415, 9, 2653, 58979)
INITIAL = ("x-grpc-test-echo-initial", "test_initial_metadata_value")
TRAILING = ("x-grpc-test-echo-trailing-bin", b"\xab\xab\xab")
SERVICE = "grpc.testing.TestService"
TIMEOUT = 20


def equal(found, wanted):
    assert found == wanted, f"{found!r} instead of {wanted!r}"


def refusal(body, code):
    """The error of a call that must fail with that code."""
    try:
        body()
    except grpc.RpcError as error:
        equal(error.code(), code)
        return error
    raise AssertionError("the call was answered")


class Feed:
    """Requests that are given one by one."""

    def __init__(self):
        self.queue = queue.Queue()

    def __iter__(self):
        return iter(self.queue.get, None)

    def send(self, message):
        self.queue.put(message)

    def close(self):
        self.queue.put(None)


class Cases:
    """One method a case, by the name that gRPC's description gives it."""

    def __init__(self, protos, connect):
        self.protos = protos
        self.connect = connect
        self.channel = connect()
        self.stub = interop_protos.stub(protos, "TestService", self.channel)

    def new(self, name, **fields):
        return self.protos.message(name)(**fields)

    def payload(self, size):
        return self.new("Payload", body=bytes(size))

    def large(self, **fields):
        return self.new(
            "SimpleRequest",
            response_size=LARGE_RESPONSE,
            payload=self.payload(LARGE_REQUEST),
            **fields,
        )

    def yes_or_no(self, value):
        return self.new("BoolValue", value=value)

    def unary(self, request, **options):
        response = self.stub["UnaryCall"](request, timeout=TIMEOUT, **options)
        equal(response.payload.body, bytes(LARGE_RESPONSE))

    def wanted(self, *sizes, size=0, **fields):
        """A request for answers of these sizes."""
        return self.new(
            "StreamingOutputCallRequest",
            response_parameters=[self.new("ResponseParameters", size=one) for one in sizes],
            payload=self.payload(size),
            **fields,
        )

    def sum_of(self, requests, **options):
        response = self.stub["StreamingInputCall"](iter(requests), timeout=TIMEOUT, **options)
        return response.aggregated_payload_size

    # The cases.

    def empty_unary(self):
        response = self.stub["EmptyCall"](self.new("Empty"), timeout=TIMEOUT)
        equal(response.SerializeToString(), b"")

    def large_unary(self):
        self.unary(self.large())

    def client_compressed_unary(self):
        yes = self.large(expect_compressed=self.yes_or_no(True))
        refusal(lambda: self.unary(yes), grpc.StatusCode.INVALID_ARGUMENT)
        self.unary(yes, compression=grpc.Compression.Gzip)
        self.unary(self.large(expect_compressed=self.yes_or_no(False)))

    def server_compressed_unary(self):
        # This client cannot see how an answer came; that it could read it is what counts here.
        for value in (True, False):
            self.unary(self.large(response_compressed=self.yes_or_no(value)))

    def client_streaming(self):
        requests = [
            self.new("StreamingInputCallRequest", payload=self.payload(size)) for size in REQUESTS
        ]
        equal(self.sum_of(requests), 74922)

    def client_compressed_streaming(self):
        yes = self.new(
            "StreamingInputCallRequest",
            payload=self.payload(27182),
            expect_compressed=self.yes_or_no(True),
        )
        refusal(lambda: self.sum_of([yes]), grpc.StatusCode.INVALID_ARGUMENT)
        # This client compresses all messages of a call or none.
        equal(self.sum_of([yes, yes], compression=grpc.Compression.Gzip), 2 * 27182)

    def server_streaming(self):
        call = self.stub["StreamingOutputCall"](self.wanted(*RESPONSES), timeout=TIMEOUT)
        equal([response.payload.body for response in call], [bytes(size) for size in RESPONSES])

    def server_compressed_streaming(self):
        sizes = ((True, 31415), (False, 92653))
        parameters = [
            self.new("ResponseParameters", size=size, compressed=self.yes_or_no(value))
            for value, size in sizes
        ]
        request = self.new("StreamingOutputCallRequest", response_parameters=parameters)
        call = self.stub["StreamingOutputCall"](request, timeout=TIMEOUT)
        equal([response.payload.body for response in call], [bytes(size) for _, size in sizes])

    def ping_pong(self):
        feed = Feed()
        call = self.stub["FullDuplexCall"](iter(feed), timeout=TIMEOUT)
        for request, response in zip(REQUESTS, RESPONSES):
            feed.send(self.wanted(response, size=request))
            equal(next(call).payload.body, bytes(response))
        feed.close()
        equal(list(call), [])

    def empty_stream(self):
        equal(list(self.stub["FullDuplexCall"](iter(()), timeout=TIMEOUT)), [])

    def custom_metadata(self):
        _, call = self.stub["UnaryCall"].with_call(
            self.large(), metadata=(INITIAL, TRAILING), timeout=TIMEOUT
        )
        self.check_metadata(call)
        call = self.stub["FullDuplexCall"](
            iter([self.wanted(LARGE_RESPONSE, size=LARGE_REQUEST)]),
            metadata=(INITIAL, TRAILING),
            timeout=TIMEOUT,
        )
        equal(len(list(call)), 1)
        self.check_metadata(call)

    def check_metadata(self, call):
        assert INITIAL in tuple(call.initial_metadata()), call.initial_metadata()
        assert TRAILING in tuple(call.trailing_metadata()), call.trailing_metadata()

    def status(self, text, call):
        status = self.new("EchoStatus", code=2, message=text)
        equal(refusal(lambda: call(status), grpc.StatusCode.UNKNOWN).details(), text)

    def status_of_unary(self, text):
        call = self.stub["UnaryCall"]
        self.status(
            text,
            lambda status: call(
                self.new("SimpleRequest", response_status=status), timeout=TIMEOUT
            ),
        )

    def status_code_and_message(self):
        text = "test status message"
        self.status_of_unary(text)
        call = self.stub["FullDuplexCall"]
        self.status(
            text,
            lambda status: list(call(iter([self.wanted(response_status=status)]), timeout=TIMEOUT)),
        )

    def special_status_message(self):
        self.status_of_unary("\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n")

    def unimplemented_method(self):
        call = self.stub["UnimplementedCall"]
        refusal(
            lambda: call(self.new("Empty"), timeout=TIMEOUT), grpc.StatusCode.UNIMPLEMENTED
        )

    def unimplemented_service(self):
        call = interop_protos.stub(self.protos, "UnimplementedService", self.channel)
        refusal(
            lambda: call["UnimplementedCall"](self.new("Empty"), timeout=TIMEOUT),
            grpc.StatusCode.UNIMPLEMENTED,
        )

    def cancel_after_begin(self):
        feed = Feed()
        call = self.stub["StreamingInputCall"].future(iter(feed), timeout=TIMEOUT)
        call.cancel()
        feed.close()
        assert call.cancelled(), "not cancelled"
        equal(call.code(), grpc.StatusCode.CANCELLED)

    def cancel_after_first_response(self):
        feed = Feed()
        call = self.stub["FullDuplexCall"](iter(feed), timeout=TIMEOUT)
        feed.send(self.wanted(31415, size=27182))
        equal(next(call).payload.body, bytes(31415))
        call.cancel()
        feed.close()
        refusal(lambda: next(call), grpc.StatusCode.CANCELLED)

    def timeout_on_sleeping_server(self):
        feed = Feed()
        call = self.stub["FullDuplexCall"](iter(feed), timeout=0.001)
        feed.send(self.wanted(size=27182))
        refusal(lambda: next(call), grpc.StatusCode.DEADLINE_EXCEEDED)
        feed.close()

    def rpc_soak(self):
        for _ in range(20):
            self.large_unary()

    def channel_soak(self):
        for _ in range(10):
            with self.connect() as channel:
                call = interop_protos.stub(self.protos, "TestService", channel)["UnaryCall"]
                equal(len(call(self.large(), timeout=TIMEOUT).payload.body), LARGE_RESPONSE)

    # Beyond the description.

    def half_duplex(self):
        requests = [self.wanted(response, size=8) for response in RESPONSES]
        call = self.stub["HalfDuplexCall"](iter(requests), timeout=TIMEOUT)
        equal([len(response.payload.body) for response in call], list(RESPONSES))

    def interval(self):
        parameters = [
            self.new("ResponseParameters", size=1, interval_us=100_000) for _ in range(3)
        ]
        request = self.new("StreamingOutputCallRequest", response_parameters=parameters)
        begun = time.monotonic()
        equal(len(list(self.stub["StreamingOutputCall"](request, timeout=TIMEOUT))), 3)
        assert time.monotonic() - begun >= 0.3, "the answers came too early"

    def slow_reader(self):
        """Many answers that wait for their reader, far more than any window."""
        call = self.stub["StreamingOutputCall"](self.wanted(*[100_000] * 100), timeout=TIMEOUT)
        equal(sum(len(response.payload.body) for response in call), 10_000_000)

    def many_at_once(self):
        calls = [self.stub["UnaryCall"].future(self.large(), timeout=60) for _ in range(200)]
        for call in calls:
            equal(len(call.result().payload.body), LARGE_RESPONSE)

    def health_check(self):
        stub = health_pb2_grpc.HealthStub(self.channel)
        for name in ("", SERVICE):
            request = health_pb2.HealthCheckRequest(service=name)
            equal(
                stub.Check(request, timeout=TIMEOUT).status, health_pb2.HealthCheckResponse.SERVING
            )
        request = health_pb2.HealthCheckRequest(service="no.such.Service")
        refusal(lambda: stub.Check(request, timeout=TIMEOUT), grpc.StatusCode.NOT_FOUND)

    def health_watch(self):
        stub = health_pb2_grpc.HealthStub(self.channel)
        state = health_pb2.HealthCheckResponse
        for name, status in (
            ("", state.SERVING),
            (SERVICE, state.SERVING),
            ("no.such.Service", state.SERVICE_UNKNOWN),
        ):
            call = stub.Watch(health_pb2.HealthCheckRequest(service=name), timeout=TIMEOUT)
            equal(next(call).status, status)
            call.cancel()

    def reflection(self):
        request = reflection_pb2.ServerReflectionRequest(list_services="")
        for version in ("v1", "v1alpha"):
            # Both versions have the same messages on the wire.
            ask = self.channel.stream_stream(
                f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
                request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
                response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
            )
            answer = next(ask(iter([request]), timeout=TIMEOUT))
            names = [service.name for service in answer.list_services_response.service]
            assert SERVICE in names, f"{SERVICE} is not among {names}"
        pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(self.channel))
        methods = [method.name for method in pool.FindServiceByName(SERVICE).methods]
        equal(methods, [method.name for method in self.protos.methods("TestService")])


CASES = [name for name in vars(Cases) if not name.startswith("_")]
HELPERS = {
    "new", "payload", "large", "yes_or_no", "unary", "wanted", "sum_of", "check_metadata",
    "status", "status_of_unary",
}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--target", required=True)
    parser.add_argument("--descriptors", required=True)
    parser.add_argument("--ca")
    options = parser.parse_args()

    def connect():
        # A channel of its own, not one that shares another's connection.
        arguments = (("grpc.use_local_subchannel_pool", 1),)
        if options.ca is None:
            return grpc.insecure_channel(options.target, arguments)
        with open(options.ca, "rb") as file:
            return grpc.secure_channel(
                options.target, grpc.ssl_channel_credentials(file.read()), arguments
            )

    cases = Cases(interop_protos.Protos(options.descriptors), connect)
    failed = 0
    for name in CASES:
        if name in HELPERS:
            continue
        try:
            getattr(cases, name)()
            print(f"ok      {name}", flush=True)
        except Exception as error:  # Every failure is told, whatever it is.
            failed += 1
            told = " ".join(str(error).split())
            print(f"FAILED  {name}: {type(error).__name__}: {told}", flush=True)
            traceback.print_exc()
    sys.exit(1 if failed else 0)


main()
