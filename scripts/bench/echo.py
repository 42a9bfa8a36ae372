#!/usr/bin/env python3
"""Echo against nghttpd and a bare C loop: what of libnghttp2's speed is left after the runtime.

All servers answer the same bytes to the same h2load, one server at a time, in alternating rounds,
server on one core and load on another: unary calls of 32 bytes and 4 KiB, streams of 1 000
messages, in clear and over mutual TLS 1.3. Only ratios within one run mean anything. nghttpd sends
a file. ceiling.c, compiled here, unpacks the request and packs the answer with libprotobuf-c and
does nothing else. At 1x1 a rate is one over a latency: a call may take 1.4 times as long as the
ceiling's. h2load has no option for a client certificate; client_certificate.c, loaded into it,
gives it one, and a handshake without one must fail before anything is measured. Handshakes are part
of what is measured. In the rows of 4 KiB at 1x100 h2load's window, 64 KiB for a connection, holds
the server back, not its work: they show how long it takes to answer so much.

    scripts/bench/echo.py [--rounds N] [--scale F] [--only TEXT] [--json FILE] [--check] [--binary FILE]
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field

ROOT = pathlib.Path(__file__).resolve().parents[2]
TICKS = os.sysconf("SC_CLK_TCK")
# Of the rate of nghttpd, or of cleartext; of that of ceiling.c, where calls come one by one.
SHARE, LATENCY_SHARE = 0.70, 1 / 1.4
UNARY, STREAM = "/bench.v1.Echo/Unary", "/bench.v1.Echo/ServerStream"
MESSAGES = 1_000


@dataclass
class Row:
    """One load, given to several servers in turn; the first is held against each of the others."""
    name: str
    contenders: list
    body: str
    path: str
    connections: int
    streams: int
    calls: int
    per_call: int = 1
    # The least ratio against each of the others that passes --check.
    floors: dict = field(default_factory=dict)
    rates: dict = field(default_factory=dict)
    costs: dict = field(default_factory=dict)


def rows():
    clear, tls = ["echo", "nghttpd"], ["echo-mtls", "echo"]
    bare = clear + ["ceiling"]
    return [
        Row("32 B 1x1", bare, "small", UNARY, 1, 1, 20_000, floors={"ceiling": LATENCY_SHARE}),
        Row("32 B 1x100", bare, "small", UNARY, 1, 100, 200_000, floors={"nghttpd": SHARE}),
        Row("32 B 16x16", bare, "small", UNARY, 16, 16, 400_000, floors={"nghttpd": SHARE}),
        Row("4 KiB 1x1", clear, "large", UNARY, 1, 1, 20_000),
        Row("4 KiB 1x100", clear, "large", UNARY, 1, 100, 100_000),
        Row("4 KiB 16x16", clear, "large", UNARY, 16, 16, 100_000),
        Row("stream of 1000 1x1", clear, "stream", STREAM, 1, 1, 500, MESSAGES),
        Row("stream of 1000 4x4", clear, "stream", STREAM, 4, 4, 1_600, MESSAGES),
        Row("mTLS 32 B 1x1", tls, "small", UNARY, 1, 1, 20_000),
        Row("mTLS 32 B 1x100", tls, "small", UNARY, 1, 100, 200_000),
        Row("mTLS 32 B 16x16", tls + ["nghttpd-mtls"], "small", UNARY, 16, 16, 200_000),
        Row("mTLS 4 KiB 1x1", tls, "large", UNARY, 1, 1, 20_000),
        Row("mTLS 4 KiB 1x100", tls, "large", UNARY, 1, 100, 100_000),
        Row("mTLS 4 KiB 16x16", tls + ["nghttpd-mtls"], "large", UNARY, 16, 16, 100_000,
            floors={"echo": SHARE}),
        Row("mTLS stream 1x1", tls, "stream", STREAM, 1, 1, 500, MESSAGES),
        Row("mTLS stream 4x4", tls, "stream", STREAM, 4, 4, 1_600, MESSAGES),
    ]


def varint(number):
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def frame(message):
    return b"\x00" + len(message).to_bytes(4, "big") + message


def echo_message(size):
    """An EchoRequest, which is also the answer to it, of about `size` bytes with its frame."""
    payload = size - 8 - (1 if size > 128 else 0)
    return b"\x0a" + varint(payload) + bytes(i % 251 for i in range(payload)) + b"\x10\x07"


def write_bodies(folder):
    """What is asked, and what nghttpd answers: files of the same bytes."""
    small, large = echo_message(33), echo_message(4096 + 9)
    bodies = {
        "small": (frame(small), UNARY, frame(small)),
        "large": (frame(large), UNARY, frame(large)),
        # EchoStreamRequest{message = small, count = MESSAGES}
        "stream": (
            frame(b"\x0a" + varint(len(small)) + small + b"\x10" + varint(MESSAGES)), STREAM,
            frame(small) * MESSAGES),
    }
    for name, (request, path, answer) in bodies.items():
        (folder / f"{name}.body").write_bytes(request)
        file = folder / name / path.lstrip("/")
        file.parent.mkdir(parents=True)
        file.write_bytes(answer)


def make_certificate(folder):
    """One certificate for both ends, and its own authority; and what gives it to h2load."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
         "-days", "1", "-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")],
        check=True, capture_output=True)
    subprocess.run(
        ["clang", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o",
         str(folder / "client_certificate.so"),
         str(pathlib.Path(__file__).with_name("client_certificate.c")), "-ldl"], check=True)


def make_ceiling(folder):
    protos = ROOT / "Sources/CProtos"
    subprocess.run(
        ["clang", "-O2", "-Wall", "-Wextra", "-Werror", "-I", str(protos / "include"),
         "-o", str(folder / "ceiling"), str(pathlib.Path(__file__).with_name("ceiling.c")),
         str(protos / "bench/v1/bench.pb-c.c"), "-lnghttp2", "-lprotobuf-c"], check=True)


def showing_certificate(folder):
    """The environment of an h2load that shows the certificate."""
    return dict(os.environ, LD_PRELOAD=str(folder / "client_certificate.so"),
                H2LOAD_CERTIFICATE=str(folder / "cert.pem"), H2LOAD_KEY=str(folder / "key.pem"))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A server on core 0, for as long as it is entered."""

    def __init__(self, name, folder, binary, body):
        self.name, self.port, self.is_tls = name, free_port(), name.endswith("-mtls")
        certificate, key = str(folder / "cert.pem"), str(folder / "key.pem")
        if name.startswith("nghttpd"):
            self.command = ["nghttpd", "-a", "127.0.0.1", "-d", str(folder / body)]
            self.command += ["--verify-client", str(self.port), key, certificate] if self.is_tls \
                else ["--no-tls", str(self.port)]
        elif name == "ceiling":
            self.command = [str(folder / "ceiling"), str(self.port)]
        else:
            self.command = [binary, "--port", str(self.port), "--loops", "1"]
            if self.is_tls:
                self.command += ["--certificate", certificate, "--key", key,
                                 "--authority", certificate]

    def __enter__(self):
        environment = dict(os.environ, SWIFT_BACKTRACE="enable=no")
        self.process = subprocess.Popen(
            ["taskset", "-c", "0"] + self.command, stdout=subprocess.DEVNULL, env=environment)
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return self
            except OSError:
                if self.process.poll() is not None:
                    sys.exit(f"{self.name} ended before it listened")
                time.sleep(0.05)
        sys.exit(f"{self.name} does not listen on {self.port}")

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS


def h2load(server, row, folder, calls, environment):
    """What h2load says, and how many calls succeeded."""
    result = subprocess.run(
        ["taskset", "-c", "1", "h2load", "-n", str(calls), "-c", str(row.connections),
         "-m", str(row.streams), "-t", "1", "-d", str(folder / f"{row.body}.body"),
         "-H", "content-type: application/grpc", "-H", "te: trailers",
         f"{'https' if server.is_tls else 'http'}://127.0.0.1:{server.port}{row.path}"],
        capture_output=True, text=True, timeout=300, env=environment)
    done = re.search(r"(\d+) succeeded", result.stdout)
    return result.stdout + result.stderr, int(done.group(1)) if done else 0


def load(server, row, folder, calls):
    """Calls a second and the server's CPU time of a call in µs, both counted in messages."""
    before = server.cpu_seconds()
    said, done = h2load(
        server, row, folder, calls, showing_certificate(folder) if server.is_tls else os.environ)
    cpu = server.cpu_seconds() - before
    rate = re.search(r"finished in [^,]+, ([0-9.]+) req/s", said)
    if not rate or done != calls:
        sys.exit(f"{server.name}: not every call succeeded\n{said}")
    answer = (folder / row.body / row.path.lstrip("/")).stat().st_size
    if f"({calls * answer}) data" not in said:
        sys.exit(f"{server.name}: answers are not of {answer} bytes\n{said}")
    return float(rate.group(1)) * row.per_call, cpu / (calls * row.per_call) * 1e6


def refuse_nameless(folder, options):
    """Both ends show a certificate, or what is measured is not mutual TLS."""
    row = Row("", ["echo-mtls"], "small", UNARY, 1, 1, 1)
    with Server("echo-mtls", folder, options.binary, row.body) as server:
        if h2load(server, row, folder, 1, os.environ)[1] != 0:
            sys.exit("echo-mtls answers who shows no certificate")


def measure(row, folder, options):
    calls = max(row.connections * row.streams * 2, int(row.calls * options.scale))
    for round_number in range(options.rounds):
        order = row.contenders if round_number % 2 == 0 else row.contenders[::-1]
        for name in order:
            with Server(name, folder, options.binary, row.body) as server:
                load(server, row, folder, max(row.connections * row.streams, calls // 10))
                rate, cost = load(server, row, folder, calls)
            row.rates.setdefault(name, []).append(rate)
            row.costs.setdefault(name, []).append(cost)


def ratios(row):
    """The first contender's rate against each other's: median and all rounds."""
    first = row.rates[row.contenders[0]]
    pairs = {
        other: [mine / theirs for mine, theirs in zip(first, row.rates[other])]
        for other in row.contenders[1:]}
    return {
        other: {"median": statistics.median(values), "rounds": values}
        for other, values in pairs.items()}


def show(row, found):
    first = row.contenders[0]
    for other, ratio in found.items():
        print(f"{row.name:>18} {first + ' / ' + other:>22} {ratio['median']:>6.2f} "
              f"{min(ratio['rounds']):>6.2f}–{max(ratio['rounds']):.2f} "
              f"{statistics.median(row.rates[first]):>11,.0f} "
              f"{statistics.median(row.rates[other]):>11,.0f} "
              f"{statistics.median(row.costs[first]):>8.2f} {statistics.median(row.costs[other]):>8.2f}",
              flush=True)


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--scale", type=float, default=1.0, help="of the calls of a round")
    arguments.add_argument("--only", default="", help="rows whose name has this text")
    arguments.add_argument("--json", type=pathlib.Path, default=ROOT / ".run/bench/echo.json")
    arguments.add_argument("--check", action="store_true", help="fail below the target")
    arguments.add_argument("--binary", default=str(ROOT / ".build/release/echo-server"))
    options = arguments.parse_args()

    for tool in ("nghttpd", "h2load", "taskset", "openssl", "clang"):
        if not shutil.which(tool):
            sys.exit(f"{tool} is missing; `make setup` installs it")
    if (os.cpu_count() or 1) < 2:
        sys.exit("two cores are needed: one for the server, one for the load")
    if not os.access(options.binary, os.X_OK):
        sys.exit(f"{options.binary} is not there: swift build -c release --product echo-server")

    print(f"{'':>18} {'rates of':>22} {'ratio':>6} {'rounds':>11} {'first/s':>11} {'other/s':>11} "
          f"{'µs CPU':>8} {'other':>8}")
    results, low = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        write_bodies(folder)
        make_certificate(folder)
        make_ceiling(folder)
        refuse_nameless(folder, options)
        for row in (row for row in rows() if options.only in row.name):
            measure(row, folder, options)
            found = ratios(row)
            show(row, found)
            results.append({
                "row": row.name, "rounds": options.rounds, "floors": row.floors, "ratios": found,
                "messages_per_second": row.rates, "cpu_us_per_message": row.costs})
            for other, floor in row.floors.items():
                if found[other]["median"] < floor:
                    low.append(f"below target: {row.name} / {other} "
                               f"{found[other]['median']:.2f} < {floor:.2f}")
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps({"bench": "echo", "results": results}, indent=2) + "\n")
    print(*low, sep="\n", end="\n" if low else "")
    return 1 if low and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
