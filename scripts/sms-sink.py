"""An SMS provider for tests: takes SMS over HTTP, keeps them, and misbehaves as told.

    sms-sink.py FOLDER [SCRIPT]

Prints the port it listens on (127.0.0.1, chosen by the system), and nothing more: whoever started it
may not read on, and a full pipe would stop it.
It honours the header `Idempotency-Key`: an SMS it has taken under a key is sent to nobody again, and
the repeat is answered like the first. FOLDER/<number>.json holds each SMS that it sent to somebody.
SCRIPT says how to answer one request after the other, separated by commas; `ok` once it is used up:

    ok      take the SMS
    429     refuse it; any code from 400 to 599 works
    drop    take the SMS, then close the connection without an answer
    reset   close the connection without taking the SMS
    hang    take the SMS, then say nothing
"""

import http.server
import itertools
import json
import pathlib
import socket
import struct
import sys
import threading


class Provider:
    def __init__(self, folder, script):
        self.folder = folder
        self.script = iter(script)
        self.numbers = itertools.count(1)
        self.taken = set()
        self.lock = threading.Lock()

    def order(self):
        with self.lock:
            return next(self.script, "ok")

    def take(self, key, sms):
        """Sends an SMS to somebody, unless it did so under the same key."""
        with self.lock:
            if key in self.taken:
                return
            self.taken.add(key)
            draft = self.folder / ".draft"
            draft.write_text(json.dumps(sms))
            draft.rename(self.folder / f"{next(self.numbers)}.json")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        order = self.server.provider.order()
        if order.isdigit():
            self.answer(int(order))
        elif order == "reset":
            # No farewell: the other side reads "connection reset by peer".
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.close_connection = True
        else:
            self.take(body, order)

    def take(self, body, order):
        key = self.headers["Idempotency-Key"]
        sms = json.loads(body)
        if not key or set(sms) != {"to", "from", "text", "id"}:
            self.answer(400)
            return
        sms["authorization"] = self.headers["Authorization"]
        self.server.provider.take(key, sms)
        if order == "hang":
            threading.Event().wait()
        if order == "drop":
            self.close_connection = True
        else:
            self.answer(202)

    def answer(self, code):
        answer = b'{"status": "as told"}'
        self.send_response(code)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_):
        """Standard error is the tests' own."""


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    script = [word for word in (sys.argv[2] if len(sys.argv) > 2 else "").split(",") if word]
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.provider = Provider(folder, script)
    print(server.server_address[1], flush=True)
    server.serve_forever()


main()
