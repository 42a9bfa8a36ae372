"""HTTP/2 frames written by hand, and a connection to send them on."""

import socket
import ssl
import struct
import time

import hpack

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS = 0, 1, 2, 3, 4
PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 6, 7, 8, 9
END_STREAM, ACK, END_HEADERS, PADDED = 1, 1, 4, 8
UNARY = "/bench.v1.Echo/Unary"
CLIENT_STREAM = "/bench.v1.Echo/ClientStream"
REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"


def frame(kind, flags, stream, payload=b""):
    head = struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream)
    return head + payload


def word(number):
    return struct.pack(">I", number)


def head(path=UNARY, more=()):
    """The block of headers of a call, without use of the table."""
    fields = [(":method", "POST"), (":scheme", "http"), (":path", path),
              (":authority", "localhost"), ("te", "trailers"),
              ("content-type", "application/grpc"), *more]
    block = b""
    for name, value in fields:
        block += b"\0" + bytes([len(name)]) + name.encode()
        block += bytes([len(value)]) + value.encode()
    return block


def varint(number):
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def message(payload):
    """An EchoRequest with that payload, as one gRPC message."""
    body = b"\x0a" + varint(len(payload)) + payload if payload else b""
    return b"\0" + word(len(body)) + body


def data(stream, body, end=True):
    """A body in as many frames as it needs."""
    parts = [body[at : at + 16384] for at in range(0, len(body), 16384)] or [b""]
    return b"".join(
        frame(DATA, END_STREAM if end and part is parts[-1] else 0, stream, part)
        for part in parts
    )


def call(stream, payload=b"x" * 32):
    """A whole unary call."""
    return frame(HEADERS, END_HEADERS, stream, head()) + data(stream, message(payload))


def opening(settings=b""):
    return PREFACE + frame(SETTINGS, 0, 0, settings)


# Whom we attack is no question here.
TLS = ssl.create_default_context()
TLS.check_hostname = False
TLS.verify_mode = ssl.CERT_NONE
TLS.set_alpn_protocols(["h2"])


def tls(plain):
    return TLS.wrap_socket(plain, server_hostname="localhost")


class Closed(Exception):
    """The server ended the connection."""


class Peer:
    """A connection on which an attacker says what it wants. It ends when its time is over, and
    raises `Closed` once the server has ended it."""

    def __init__(self, address, until, wrap=None, receive_bytes=None):
        self.until = until
        self.socket = socket.socket()
        if receive_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.settimeout(5)
        self.socket.connect(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if wrap:
            self.socket = wrap(self.socket)
        self.buffer = b""
        self.decoder = hpack.Decoder()
        self.goaway = None

    @property
    def is_over(self):
        return time.monotonic() >= self.until

    def send(self, data):
        """Sends all; what the server does not take in time is given up."""
        try:
            self.socket.settimeout(max(0.05, self.until - time.monotonic()))
            self.socket.sendall(data)
        except TimeoutError:
            raise
        except OSError as error:
            raise Closed(self.why()) from error

    def why(self):
        """What the server said last, if it can still be read."""
        try:
            while self.read_some(0.2):
                self.frames()
        except (Closed, OSError):
            pass
        return "closed" if self.goaway is None else f"GOAWAY {self.goaway}"

    def read_some(self, seconds):
        """Reads once. False when nothing came in time."""
        self.socket.settimeout(max(0.001, seconds))
        try:
            more = self.socket.recv(65536)
        except TimeoutError:
            return False
        except OSError as error:
            raise Closed("reset") from error
        if not more:
            raise Closed("closed" if self.goaway is None else f"GOAWAY {self.goaway}")
        self.buffer += more
        return True

    def frames(self):
        """The whole frames read so far: kind, flags, stream, payload."""
        found = []
        at = 0
        while len(self.buffer) - at >= 9:
            length = int.from_bytes(self.buffer[at : at + 3], "big")
            if len(self.buffer) - at < 9 + length:
                break
            kind, flags = self.buffer[at + 3], self.buffer[at + 4]
            stream = int.from_bytes(self.buffer[at + 5 : at + 9], "big") & 0x7FFFFFFF
            payload = self.buffer[at + 9 : at + 9 + length]
            at += 9 + length
            if kind == GOAWAY:
                self.goaway = int.from_bytes(payload[4:8], "big")
            found.append((kind, flags, stream, payload))
        self.buffer = self.buffer[at:]
        return found

    def drop_input(self):
        """Takes what has come without waiting, so that the server is never held up by us."""
        self.socket.setblocking(False)
        try:
            while True:
                more = self.socket.recv(1 << 20)
                if not more:
                    raise Closed("closed" if self.goaway is None else f"GOAWAY {self.goaway}")
                self.buffer += more
                self.frames()
        except BlockingIOError:
            pass
        except OSError as error:
            raise Closed(self.why()) from error
        finally:
            self.socket.setblocking(True)

    def wait_for_end(self):
        """Reads until the server ends the connection, or the time is over."""
        while not self.is_over:
            self.read_some(min(0.2, self.until - time.monotonic()))
            self.frames()

    def abort(self):
        """Closes with a reset instead of a farewell."""
        self.socket.setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self):
        self.socket.close()
