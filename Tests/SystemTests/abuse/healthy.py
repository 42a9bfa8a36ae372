"""A client that behaves: calls at a fixed rate, whatever becomes of those before, each counted from
the moment at which it was due. Prints a line for each call: when it was due, and the seconds until
its answer, or a word. Both on the machine's monotonic clock.

usage: healthy.py PORT RATE [tls]
"""

import collections
import select
import ssl
import sys
import time

from frames import (
    ACK, Closed, DATA, END_STREAM, GOAWAY, HEADERS, PING, Peer, RST_STREAM, SETTINGS,
    WINDOW_UPDATE, call, frame, opening, tls, word,
)

DEADLINE = 1.0  # seconds until a call counts as lost
FOREVER = 1e6  # seconds


class Client:
    def __init__(self, port):
        self.port = port
        self.waiting = collections.OrderedDict()  # Stream → when it was due.
        self.answered = set()  # Streams with DATA.
        self.peer = None

    def connect(self):
        if self.peer:
            self.peer.close()
        for due in self.waiting.values():
            tell(due, "lost")
        self.waiting.clear()
        self.answered.clear()
        try:
            self.peer = Peer(("127.0.0.1", self.port), time.monotonic() + FOREVER,
                             wrap=tls if "tls" in sys.argv else None)
            self.peer.socket.sendall(opening() + frame(SETTINGS, ACK, 0))
        except OSError:
            self.peer = None
        self.stream = 1

    def begin(self, due):
        if self.peer is None or self.stream > 1_000_000:
            self.connect()
        if self.peer is None:
            return tell(due, "unreachable")
        try:
            self.peer.socket.settimeout(DEADLINE)
            self.peer.socket.sendall(call(self.stream))
        except OSError:
            self.peer = None
            return tell(due, "lost")
        self.waiting[self.stream] = due
        self.stream += 2

    def listen(self, seconds):
        if self.peer is None:
            time.sleep(seconds)
        elif self.has_bytes() or select.select([self.peer.socket], [], [], seconds)[0]:
            try:
                self.peer.read_some(0)
                for arrived in self.peer.frames():
                    self.take(*arrived)
            except Closed:
                self.connect()
        self.forget()

    def has_bytes(self):
        """Whether TLS holds some that the socket does not show any more."""
        return isinstance(self.peer.socket, ssl.SSLSocket) and self.peer.socket.pending() > 0

    def take(self, kind, flags, stream, payload):
        if kind == PING and not flags & ACK:
            self.peer.send(frame(PING, ACK, 0, payload))
        elif kind == GOAWAY:
            raise Closed("GOAWAY")
        elif kind == DATA:
            self.answered.add(stream)
            self.peer.send(frame(WINDOW_UPDATE, 0, 0, word(max(1, len(payload)))))
        ended = kind == RST_STREAM or (kind in (HEADERS, DATA) and flags & END_STREAM)
        if ended and stream in self.waiting:
            due = self.waiting.pop(stream)
            # An answer without a message is a refusal.
            good = kind == HEADERS and stream in self.answered
            tell(due, f"{time.monotonic() - due:.6f}" if good else "refused")
            self.answered.discard(stream)

    def forget(self):
        while self.waiting:
            stream, due = next(iter(self.waiting.items()))
            if time.monotonic() - due < DEADLINE:
                return
            del self.waiting[stream]
            tell(due, "late")


def tell(due, word):
    print(f"{due:.6f} {word}", flush=True)


def main():
    port, rate = int(sys.argv[1]), float(sys.argv[2])
    client = Client(port)
    due = time.monotonic()
    while True:
        due += 1 / rate
        while (left := due - time.monotonic()) > 0:
            client.listen(left)
        client.begin(due)


main()
