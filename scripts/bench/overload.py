#!/usr/bin/env python3
"""What a server does beyond what it can do: goodput, latencies, refusals, memory, recovery.

The server has one core, the generator the other. First the knee C is sought: the highest rate at
which p99 is at most 100 ms and no call fails. Then 0.5, 1, 2 and 5 C are offered, each for some
seconds, and at last 5 C that drops to 0.95 C, which shows the recovery. Beside the load runs a
trickle of health checks, which must be answered throughout. The server is echo-server with some
microseconds of work in every call, or the one at --address.

    scripts/bench/overload.py [--work-us N] [--seconds N] [--json FILE] [--check] [--bin FOLDER]
                              [--scenario FILE --pid N [--knee C]]
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
REFUSALS = ("RESOURCE_EXHAUSTED", "UNAVAILABLE")
CRITICAL_RATE = 20


class Server:
    """echo-server on one core, on a port the system chose."""

    def __init__(self, binary, work_us):
        self.process = subprocess.Popen(
            ["taskset", "-c", "0", str(binary), "--port", "0", "--work-us", str(work_us)],
            stdout=subprocess.PIPE, text=True, env=dict(os.environ, SWIFT_BACKTRACE="enable=no"))
        line = self.process.stdout.readline()
        found = re.search(r"listening on (\S+)", line)
        if not found:
            sys.exit("overload: echo-server ended before it listened")
        self.address, self.pid = found.group(1), self.process.pid

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()


class Memory(threading.Thread):
    """The largest resident size of a process, looked at ten times a second."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.most, self.stopped = pid, self.now(pid), threading.Event()

    @staticmethod
    def now(pid):
        text = pathlib.Path(f"/proc/{pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", text).group(1)) / 1024

    def run(self):
        while not self.stopped.wait(0.1):
            try:
                self.most = max(self.most, self.now(self.pid))
            except (OSError, AttributeError):
                return


class Bench:
    def __init__(self, options, folder, address, pid):
        self.options, self.folder, self.address, self.pid = options, folder, address, pid

    def scenario(self, stages):
        """The scenario's calls in stages of (rate, seconds), and a trickle of health checks."""
        rate = stages[0][0]
        if self.options.scenario:
            base = json.loads(self.options.scenario.read_text())
            extends = base.pop("extends", None)
            if extends:
                base["extends"] = str((self.options.scenario.parent / extends).resolve())
            target = base["calls"][0].get("target")
        else:
            target = "echo"
            base = {
                "targets": {"echo": {"address": self.address, "plaintext": True}},
                "calls": [{"method": "bench.v1.Echo/Unary",
                           "request": {"payload": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYX", "n": 7}}],
            }
        weights = sum(call.get("weight", 1) for call in base["calls"])
        for call in base["calls"]:
            call["weight"] = call.get("weight", 1) * rate / weights
        base["calls"].append({
            "name": "health", "method": "grpc.health.v1.Health/Check", "weight": CRITICAL_RATE,
            **({"target": target} if target else {})})
        base["load"] = {
            "stages": [{"rate": rate + CRITICAL_RATE, "for": f"{seconds}s"}
                       for rate, seconds in stages],
            "warmup": "0s",
            "arrivals": "poisson", "deadline": "1s", "inFlight": 20_000,
            "connections": self.options.connections,
        }
        base["expect"] = []
        return base

    def offer(self, name, *stages):
        path = self.folder / f"{name}.json"
        path.write_text(json.dumps(self.scenario(stages)))
        result = self.folder / f"{name}.result.json"
        memory = Memory(self.pid)
        before = memory.most
        memory.start()
        done = subprocess.run(
            ["taskset", "-c", "1", str(self.options.bin / "loadtest"), "run", str(path), "--quiet",
             "--json", str(result)], cwd=ROOT,
            timeout=sum(seconds for _, seconds in stages) + 60)
        memory.stopped.set()
        memory.join()
        if done.returncode != 0:
            sys.exit(f"overload: loadtest ended with {done.returncode}")
        return figures(json.loads(result.read_text()), before, memory.most)

    def knee(self):
        """The highest rate with p99 <= 100 ms and no error, to five in a hundred. A rate that does
        not hold has a second chance: something else on the machine may have been in the way."""
        def holds(rate):
            return attempt(rate) or attempt(rate)

        def attempt(rate):
            found = self.offer("knee", (rate, self.options.knee_seconds))
            good = found["errors"] == 0 and found["p99_ms"] <= 100
            print(f"  {rate:>8,.0f}/s  p99 {found['p99_ms']:8.1f} ms  "
                  f"errors {found['errors']:>6}  {'holds' if good else 'does not hold'}", flush=True)
            return good
        low, high = 0, self.options.first_rate
        while holds(high):
            low, high = high, high * 1.6
            if high > 200_000:
                sys.exit("overload: the server holds any rate; give it more --work-us")
        if low == 0:
            while high > 20 and not holds(high / 1.6):
                high /= 1.6
            low = high / 1.6
        while high / low > 1.05:
            middle = (high * low) ** 0.5
            if holds(middle):
                low = middle
            else:
                high = middle
        return low


def figures(result, rss_before, rss_most):
    calls = [c for c in result["calls"] if c["name"] != "health"]
    health = next(c for c in result["calls"] if c["name"] == "health")
    seconds = result["load"]["measuredSeconds"]
    codes, refusal = {}, []
    for call in calls:
        for code in call["codes"]:
            codes[code["code"]] = codes.get(code["code"], 0) + code["count"]
            if code["code"] in REFUSALS:
                refusal.append(code["latency"]["p99"] / 1000)
        if call["notSent"]:
            codes["not sent"] = codes.get("not sent", 0) + call["notSent"]
    good = sum(c["good"] for c in calls)
    intended = sum(c["intended"] for c in calls)
    width = result["timeline"]["sliceSeconds"]
    return {
        "offered": intended / seconds, "goodput": good / seconds, "errors": intended - good,
        # Of one kind of call, or the worst of several.
        "p50_ms": max(c["latency"]["p50"] for c in calls) / 1000,
        "p99_ms": max(c["latency"]["p99"] for c in calls) / 1000,
        "refusal_p99_ms": max(refusal, default=None),
        "codes": codes,
        "critical": health["good"] / health["intended"] if health["intended"] else None,
        "lag_p99_ms": result["generator"]["lag"]["p99"] / 1000,
        "generator_core": result["generator"]["cpuSeconds"] / result["generator"]["wallSeconds"],
        "rss_before_mib": rss_before, "rss_most_mib": rss_most,
        "slices": [{"at": s["at"], "good": s["goodAnswers"] / width,
                    "intended": s["intendedPerSecond"]} for s in result["timeline"]["slices"]],
    }


def recovery(found, dropped_at, rate):
    """Seconds from the drop until a second's answers are those of the rate offered since, less
    what chance takes; None if that never comes."""
    slices = [s for s in found["slices"] if s["at"] >= dropped_at]
    width = slices[1]["at"] - slices[0]["at"] if len(slices) > 1 else 1
    run = max(1, round(1 / width))
    for first in range(len(slices) - run + 1):
        mean = sum(s["good"] for s in slices[first:first + run]) / run
        if mean >= 0.95 * rate:
            return slices[first]["at"] - dropped_at
    return None


def verdicts(steps, knee, recovered):
    """R1's figures, each with whether it is reached."""
    at_rest = steps["0.5"]["rss_before_mib"]
    growth = max(s["rss_most_mib"] for s in steps.values()) - at_rest
    rows = []

    def row(name, value, met):
        rows.append({"name": name, "found": value, "met": met})
    for factor, floor in (("2", 0.9), ("5", 0.8)):
        step = steps[factor]
        share = step["goodput"] / knee
        row(f"goodput at {factor} C >= {floor:.0%} of C", f"{share:.1%}", share >= floor)
        row(f"accepted p99 at {factor} C <= 250 ms", f"{step['p99_ms']:.1f} ms",
            step["p99_ms"] <= 250)
        p99 = step["refusal_p99_ms"]
        row(f"refusals p99 at {factor} C <= 10 ms",
            "no refusal" if p99 is None else f"{p99:.1f} ms",
            p99 is not None and p99 <= 10)
        other = {c: n for c, n in step["codes"].items() if c not in ("OK", "RESOURCE_EXHAUSTED")}
        row(f"nothing but OK and RESOURCE_EXHAUSTED at {factor} C", other or "so it is", not other)
    row("memory grows by <= 64 MiB", f"{growth:.1f} MiB", growth <= 64)
    row("95 % of C within 5 s after the load drops",
        "never" if recovered is None else f"{recovered:.1f} s",
        recovered is not None and recovered <= 5)
    critical = min(s["critical"] for s in steps.values() if s["critical"] is not None)
    row("health checks >= 99.9 %", f"{critical:.2%}", critical >= 0.999)
    return rows


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work-us", type=int, default=300, help="of echo-server, in every call")
    parser.add_argument("--seconds", type=int, default=20, help="of each step")
    parser.add_argument("--knee-seconds", type=int, default=5, help="of each attempt at the knee")
    parser.add_argument("--first-rate", type=float, default=1_000, help="of the search of the knee")
    parser.add_argument("--knee", type=float, help="calls a second, instead of a search")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--scenario", type=pathlib.Path, help="calls of a running service instead")
    parser.add_argument("--pid", type=int, help="of that service; pin it to core 0 yourself")
    parser.add_argument("--bin", type=pathlib.Path, default=ROOT / ".build/release")
    parser.add_argument("--json", type=pathlib.Path, default=ROOT / ".run/bench/overload.json")
    parser.add_argument("--check", action="store_true", help="fail when a figure is not reached")
    options = parser.parse_args()
    if bool(options.scenario) != bool(options.pid):
        parser.error("--scenario and --pid go together")
    options.bin = options.bin.resolve()
    return options


def main():
    options = arguments()
    if not shutil.which("taskset") or (os.cpu_count() or 1) < 2:
        sys.exit("overload: two cores and taskset are needed; one for the server, one for the load")
    server = None if options.scenario else Server(options.bin / "echo-server", options.work_us)
    try:
        with tempfile.TemporaryDirectory() as folder:
            bench = Bench(options, pathlib.Path(folder), server and server.address,
                          server.pid if server else options.pid)
            if options.knee is None:
                print("Seeking the knee C:", flush=True)
            knee = options.knee or bench.knee()
            print(f"\nC = {knee:,.0f}/s\n\n{'offered':>9} {'goodput':>9} {'of C':>6} {'p50':>9} "
                  f"{'p99':>9} {'refused p99':>12} {'RSS':>8}  codes", flush=True)
            steps = {}
            for factor in ("0.5", "1", "2", "5"):
                step = bench.offer(f"step{factor}", (float(factor) * knee, options.seconds))
                steps[factor] = step
                p99 = step["refusal_p99_ms"]
                print(f"{factor:>7} C {step['goodput']:>7,.0f}/s {step['goodput'] / knee:>6.1%} "
                      f"{step['p50_ms']:>6.1f} ms {step['p99_ms']:>6.1f} ms "
                      f"{'–' if p99 is None else f'{p99:.1f} ms':>12} "
                      f"{step['rss_most_mib']:>4.0f} MiB  "
                      + ", ".join(f"{c} {n}" for c, n in sorted(step["codes"].items()))
                      + (f"  (generator late: p99 {step['lag_p99_ms']:.0f} ms)"
                         if step["lag_p99_ms"] > 10 else ""), flush=True)
            drop = bench.offer("drop", (5 * knee, 5), (0.95 * knee, 10))
            recovered = recovery(drop, 5, 0.95 * knee)
    finally:
        if server:
            server.stop()
    rows = verdicts(steps, knee, recovered)
    print()
    for row in rows:
        print(f"{'met    ' if row['met'] else 'NOT MET'} {row['name']}: {row['found']}")
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(
        {"bench": "overload", "knee": knee, "steps": steps, "recovered_seconds": recovered,
         "verdicts": rows}, indent=2) + "\n")
    return 1 if options.check and not all(row["met"] for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
