#!/usr/bin/env python3
"""Unary echo against nghttpd: how much of what libnghttp2 can do is left after the runtime.

Both servers answer the same bytes to the same h2load, one server at a time, in alternating rounds,
server on one core and load on another. Only ratios within one run mean anything.

    scripts/bench/echo.py [--rounds N] [--scale F] [--json FILE] [--check] [--skip-build] [--binary FILE]
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

ROOT = pathlib.Path(__file__).resolve().parents[2]
PATH = "/bench.v1.Echo/Unary"
TICKS = os.sysconf("SC_CLK_TCK")
# name, connections, streams of each, calls of a round, the least ratio that passes --check
SHAPES = [
    ("1x1", 1, 1, 20_000, None),
    ("1x100", 1, 100, 200_000, 0.60),
    ("16x16", 16, 16, 400_000, 0.60),
]


def echo_frame():
    """EchoRequest{payload: 24 bytes, n: 7}: 28 bytes, which with the prefix make 33."""
    message = b"\x0a\x18" + bytes(range(24)) + b"\x10\x07"
    return b"\x00" + len(message).to_bytes(4, "big") + message


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    def __init__(self, name, command, port):
        self.name, self.command, self.port = name, command, port

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


def load(server, body, connections, streams, calls):
    before = server.cpu_seconds()
    result = subprocess.run(
        ["taskset", "-c", "1", "h2load", "-n", str(calls), "-c", str(connections),
         "-m", str(streams), "-t", "1", "-d", str(body),
         "-H", "content-type: application/grpc", "-H", "te: trailers",
         f"http://127.0.0.1:{server.port}{PATH}"],
        capture_output=True, text=True, timeout=300)
    cpu = server.cpu_seconds() - before
    rate = re.search(r"finished in [^,]+, ([0-9.]+) req/s", result.stdout)
    done = re.search(r"(\d+) succeeded", result.stdout)
    if not rate or not done or int(done.group(1)) != calls:
        sys.exit(f"{server.name}: not every call succeeded\n{result.stdout}{result.stderr}")
    return float(rate.group(1)), cpu / calls * 1e6


def spread(values):
    middle = statistics.median(values)
    return middle, (max(values) - min(values)) / middle if middle else 0.0


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--scale", type=float, default=1.0, help="of the calls of a round")
    arguments.add_argument("--json", type=pathlib.Path, default=ROOT / ".run/bench/echo.json")
    arguments.add_argument("--check", action="store_true", help="fail below the target")
    arguments.add_argument("--skip-build", action="store_true")
    arguments.add_argument("--binary", default=str(ROOT / ".build/release/echo-server"))
    options = arguments.parse_args()

    for tool in ("nghttpd", "h2load", "taskset"):
        if not shutil.which(tool):
            sys.exit(f"{tool} is missing; `make setup` installs it")
    if (os.cpu_count() or 1) < 2:
        sys.exit("two cores are needed: one for the server, one for the load")
    if not options.skip_build:
        subprocess.run(
            ["swift", "build", "-c", "release", "--product", "echo-server",
             "--scratch-path", ".build"], cwd=ROOT, check=True)

    results = []
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        body = folder / "body"
        body.write_bytes(echo_frame())
        answer = folder / "www" / PATH.lstrip("/")
        answer.parent.mkdir(parents=True)
        answer.write_bytes(echo_frame())
        ports = free_port(), free_port()
        servers = [
            Server("nghttpd", ["nghttpd", "--no-tls", "-a", "127.0.0.1", "-d",
                               str(folder / "www"), str(ports[0])], ports[0]),
            Server("echo-server", [options.binary, "--port", str(ports[1]), "--loops", "1"], ports[1]),
        ]
        for name, connections, streams, calls, floor in SHAPES:
            calls = max(1_000, int(calls * options.scale))
            rates, costs = {}, {}
            for round_number in range(options.rounds):
                order = servers if round_number % 2 == 0 else servers[::-1]
                for server in order:
                    with server:
                        load(server, body, connections, streams, calls // 10)
                        rate, cost = load(server, body, connections, streams, calls)
                    rates.setdefault(server.name, []).append(rate)
                    costs.setdefault(server.name, []).append(cost)
            ratios = [e / n for e, n in zip(rates["echo-server"], rates["nghttpd"])]
            ratio, ratio_spread = spread(ratios)
            results.append({
                "shape": name, "calls": calls, "rounds": options.rounds, "floor": floor,
                "ratio_median": ratio, "ratio_spread": ratio_spread, "ratios": ratios,
                "calls_per_second": rates, "cpu_us_per_call": costs,
            })

    print(f"{'shape':>6} {'nghttpd/s':>11} {'echo/s':>11} {'ratio':>7} {'spread':>7} "
          f"{'nghttpd us':>11} {'echo us':>8}")
    for row in results:
        print(f"{row['shape']:>6} "
              f"{statistics.median(row['calls_per_second']['nghttpd']):>11,.0f} "
              f"{statistics.median(row['calls_per_second']['echo-server']):>11,.0f} "
              f"{row['ratio_median']:>7.2f} {row['ratio_spread']:>7.2f} "
              f"{statistics.median(row['cpu_us_per_call']['nghttpd']):>11.1f} "
              f"{statistics.median(row['cpu_us_per_call']['echo-server']):>8.1f}")
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps({"bench": "echo", "results": results}, indent=2) + "\n")

    low = [r for r in results if r["floor"] and r["ratio_median"] < r["floor"]]
    for row in low:
        print(f"below target: {row['shape']} {row['ratio_median']:.2f} < {row['floor']}")
    return 1 if low and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
