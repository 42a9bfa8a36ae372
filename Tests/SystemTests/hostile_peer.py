"""Sends running services what no honest client sends, one attack after the other, each bounded, all
on loopback. Meanwhile a healthy client must be answered every time, and no process may end.

usage: hostile_peer.py --ca FILE --cert FILE --key FILE --pids FOLDER
         identity=HOST:PORT organization=HOST:PORT client-directory=HOST:PORT messaging=HOST:PORT
"""

import argparse
import glob
import socket
import ssl
import struct
import sys
import threading
import time
import traceback

import grpc
import hpack
from grpc_health.v1 import health_pb2, health_pb2_grpc

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
# Of each service one whose request begins with a text.
METHODS = {
    "identity": "/clientele.identity.v1.IdentityService/SignIn",
    "organization": "/clientele.organization.v1.OrganizationService/GetOrganization",
    "client-directory": "/clientele.client_directory.v1.ClientDirectoryService/GetClient",
    "messaging": "/clientele.messaging.v1.MessagingService/GetMessage",
}
DATA, HEADERS, RST_STREAM, SETTINGS, GOAWAY = 0, 1, 3, 4, 7
END_STREAM, END_HEADERS = 1, 4


def frame(kind, flags, stream, payload=b""):
    head = struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream)
    return head + payload


class Wire:
    """A connection on which frames are written by hand."""

    def __init__(self, options):
        host, port = options.address.rsplit(":", 1)
        context = ssl.create_default_context(cafile=options.ca)
        context.load_cert_chain(options.cert, options.key)
        context.set_alpn_protocols(["h2"])
        plain = socket.create_connection((host, int(port)), timeout=10)
        self.socket = context.wrap_socket(plain, server_hostname="localhost")
        self.buffer = b""
        self.send(PREFACE + frame(SETTINGS, 0, 0) + frame(SETTINGS, 1, 0))

    def send(self, data):
        self.socket.sendall(data)

    def frames(self):
        """What the server sends until it closes, or until nothing comes for ten seconds."""
        while True:
            while len(self.buffer) >= 9:
                length = int.from_bytes(self.buffer[:3], "big")
                if len(self.buffer) < 9 + length:
                    break
                kind, flags = self.buffer[3], self.buffer[4]
                stream = int.from_bytes(self.buffer[5:9], "big") & 0x7FFFFFFF
                payload = self.buffer[9 : 9 + length]
                self.buffer = self.buffer[9 + length :]
                yield kind, flags, stream, payload
            try:
                more = self.socket.recv(65536)
            except (ConnectionError, ssl.SSLError):
                return
            if not more:
                return
            self.buffer += more

    def headers(self, path):
        fields = [(":method", "POST"), (":scheme", "https"), (":path", path),
                  (":authority", "localhost"), ("te", "trailers"),
                  ("content-type", "application/grpc")]
        return hpack.Encoder().encode(fields)

    def status(self, stream):
        """The grpc-status of a stream."""
        decoder = hpack.Decoder()
        for kind, _, number, payload in self.frames():
            if kind == HEADERS:
                fields = dict(decoder.decode(payload, raw=False))
                if number == stream and "grpc-status" in fields:
                    return int(fields["grpc-status"])
            if kind == GOAWAY or (kind == RST_STREAM and number == stream):
                return None
        return None

    def close(self):
        self.socket.close()


def refused(options, body):
    """The gRPC code that raw request bytes are refused with."""
    channel = grpc.secure_channel(options.address, options.credentials)
    call = channel.unary_unary(options.method, lambda data: data, lambda data: data)
    try:
        call(body, timeout=10)
    except grpc.RpcError as error:
        return error.code()
    finally:
        channel.close()
    raise AssertionError("it was answered")


def nested_groups(options):
    """34 KB of groups in groups."""
    code = refused(options, b"\x0b" * 17000 + b"\x0c" * 17000)
    assert code == grpc.StatusCode.INVALID_ARGUMENT, code


def nested_messages(options):
    """34 KB of messages in messages, where a text belongs."""
    body = b""
    while len(body) < 34_000:
        length, prefix = len(body), b""
        while length > 0x7F:
            prefix += bytes([length & 0x7F | 0x80])
            length >>= 7
        body = b"\x0a" + prefix + bytes([length]) + body
    code = refused(options, body)
    assert code == grpc.StatusCode.INVALID_ARGUMENT, code


def nul_in_email(options):
    """An address that a C string would cut short."""
    text = b"admin@demo.example\0@evil.example"
    code = refused(options, b"\x0a" + bytes([len(text)]) + text + b"\x12\x01x")
    assert code == grpc.StatusCode.INVALID_ARGUMENT, code


def header_bomb(options):
    """A few bytes that unpack to megabytes of headers."""
    wire = Wire(options)
    block = wire.headers(options.method) + b"\x40\x01x\x7f\xa1\x1e" + b"v" * 4000 + b"\xbe" * 12000
    wire.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, block))
    ended = any(
        kind == GOAWAY or (kind == RST_STREAM and stream == 1)
        for kind, _, stream, _ in wire.frames()
    )
    wire.close()
    assert ended, "the bomb was taken"


def resets(options):
    """Ten thousand calls, each given up at once."""
    wire = Wire(options)
    block = wire.headers(options.method)
    ended = False
    try:
        for first in range(0, 10_000, 100):
            burst = b""
            for stream in range(2 * first + 1, 2 * (first + 100) + 1, 2):
                burst += frame(HEADERS, END_HEADERS, stream, block)
                burst += frame(RST_STREAM, 0, stream, struct.pack(">I", 8))
            wire.send(burst)
    except (ConnectionError, ssl.SSLError):
        ended = True
    ended = ended or any(kind == GOAWAY for kind, _, _, _ in wire.frames())
    wire.close()
    assert ended, "ten thousand resets were borne"


def truncated_frame(options):
    """A frame that ends in its middle."""
    wire = Wire(options)
    wire.send(frame(HEADERS, END_HEADERS, 1, wire.headers(options.method)))
    wire.send(frame(DATA, END_STREAM, 1, b"\0" * 100)[:40])
    wire.close()


def huge_length(options):
    """A message that says it has four gigabytes."""
    wire = Wire(options)
    wire.send(frame(HEADERS, END_HEADERS, 1, wire.headers(options.method)))
    wire.send(frame(DATA, 0, 1, b"\0\xff\xff\xff\xff" + b"x" * 100))
    status = wire.status(1)
    wire.close()
    assert status == 8, f"grpc-status {status} instead of 8, RESOURCE_EXHAUSTED"


class HealthyClient:
    """Asks for the service's health all the while and keeps what went wrong."""

    INTERVAL = 0.05  # seconds
    ENOUGH = 5  # answers during each attack

    def __init__(self, options):
        self.channel = grpc.secure_channel(options.address, options.credentials)
        self.stub = health_pb2_grpc.HealthStub(self.channel)
        self.over = threading.Event()
        self.answers = 0
        self.slowest = 0.0
        self.failure = None
        self.thread = threading.Thread(target=self.ask)

    def check(self):
        began = time.monotonic()
        answer = self.stub.Check(health_pb2.HealthCheckRequest(), timeout=5)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING, answer
        self.slowest = max(self.slowest, time.monotonic() - began)
        self.answers += 1

    def ask(self):
        try:
            while not self.over.wait(self.INTERVAL):
                self.check()
        except Exception as error:  # Told by the main thread.
            self.failure = error

    def __enter__(self):
        # The first answer, for which the connection is made, comes before the attack.
        self.check()
        self.answers, self.slowest = 0, 0.0
        self.thread.start()
        return self

    def wants_more(self):
        """Whether the attack must go on so that enough is asked meanwhile."""
        return self.failure is None and self.answers < self.ENOUGH

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()
        try:
            if self.failure is None:
                self.check()
        except Exception as error:
            self.failure = error
        self.channel.close()
        if self.failure is not None:
            raise AssertionError(f"after {self.answers} answers") from self.failure


def main():
    parser = argparse.ArgumentParser()
    for name in ("ca", "cert", "key", "pids"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("services", nargs="+")
    options = parser.parse_args()
    options.credentials = grpc.ssl_channel_credentials(
        *(open(path, "rb").read() for path in (options.ca, options.key, options.cert))
    )
    failed = 0
    for service in options.services:
        name, options.address = service.split("=", 1)
        options.method = METHODS[name]
        processes = glob.glob(f"{options.pids}/{name}.pid") + glob.glob(f"{options.pids}/{name}-[0-9].pid")
        pids = [open(file).read() for file in processes]
        for attack in (nested_groups, nested_messages, nul_in_email, header_bomb, resets,
                       truncated_frame, huge_length):
            try:
                with HealthyClient(options) as client:
                    attacks = 0
                    while attacks == 0 or client.wants_more():
                        attack(options)
                        attacks += 1
                assert [open(file).read() for file in processes] == pids, "a process ended"
                print(f"ok      {name}: {attack.__name__} {attacks} times, {client.answers} "
                      f"healthy answers, the slowest in {client.slowest * 1000:.0f} ms")
            except Exception:  # Every failure is told, whatever it is.
                failed += 1
                print(f"FAILED  {name}: {attack.__name__}\n{traceback.format_exc()}")
    sys.exit(1 if failed else 0)


main()
