"""Attacks an echo server, one attack after the other, each bounded in count and time, all on
loopback, while a healthy client calls it at a fixed rate. Prints what each attack did.

usage: run.py [--seconds N] [--connections N] [--rate N] [--idle N] [--only NAME]… [--table]
         [--certificate FILE --key FILE] ECHO-SERVER

With a certificate the server speaks TLS, and the attacks are those on handshakes.

Always demanded: the process stays, the healthy client is answered, memory stays bounded, all that
was opened is closed. With --table also what is promised of an optimised build: memory within 8 MiB
(within the bound of requests that have begun, where those are the attack), and nine of ten of the healthy calls that are usually answered.
"""

import argparse
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import traceback

from attacks import ATTACKS, WRONG, every_byte, wrong
from frames import Closed, Peer, TLS, opening, tls

HERE = os.path.dirname(os.path.abspath(__file__))
MIB = 1 << 20
IDLE_BYTES = 9 << 10  # What an idle connection may take.
ADDRESS_MAX = 1_000  # Connections of one address that the server keeps; it closes the others at once.
# What requests that never end may hold (ServerSettings.heldBytesMax, 64 MiB), and what the allocator
# takes beside it, which differs from run to run.
HELD_BYTES = 80 << 20
UNFINISHED = ("unfinished_bodies", "unfinished_bodies_on_streams", "heads_alone")
RECONNECTS_MAX = 50  # An attacker that is thrown out comes back so often a second.


class Server:
    """The process under attack, on a core of its own where there are two."""

    def __init__(self, options):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = free.getsockname()
        self.port = self.address[1]
        self.process = subprocess.Popen(
            [options.server, "--port", str(self.port), *options.tls], stdout=subprocess.DEVNULL,
            env={**os.environ, "SWIFT_BACKTRACE": "enable=no"})
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(self.process.pid, cores[:1])
        if len(cores) > 1:
            os.sched_setaffinity(0, cores[1:])
        patience = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(self.address, timeout=1).close()
                return
            except OSError:
                if time.monotonic() > patience or not self.is_alive():
                    raise
                time.sleep(0.05)

    def is_alive(self):
        return self.process.poll() is None

    def memory(self):
        with open(f"/proc/{self.process.pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def processor_seconds(self):
        with open(f"/proc/{self.process.pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Healthy:
    """The client that behaves, as a process of its own so that attackers do not slow it."""

    def __init__(self, port, options):
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "healthy.py"), str(port), str(options.rate),
             *(["tls"] if options.tls else [])],
            stdout=subprocess.PIPE, text=True)
        self.calls = []
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        for line in self.process.stdout:
            due, word = line.split()
            self.calls.append((float(due), word))

    def between(self, start, end):
        """Seconds of the answered calls that were due then, and words for the others."""
        mine = [word for due, word in self.calls if start <= due < end]
        good = sorted(float(word) for word in mine if word[0].isdigit())
        return good, [word for word in mine if not word[0].isdigit()]

    def stop(self):
        # Not asked: whoever runs us may have us ignore SIGTERM, and children with us.
        self.process.kill()
        self.process.wait()


class Attacker(threading.Thread):
    """One attacking connection at a time, coming back when it is thrown out, until its time is
    over."""

    def __init__(self, server, attack, until):
        super().__init__(daemon=True)
        self.server, self.attack, self.until = server, attack, until
        self.ends = []  # (seconds, why) of connections that the server ended.
        self.held = 0  # Connections that lasted until the time was over.
        self.failure = None

    def run(self):
        try:
            while time.monotonic() < self.until:
                self.once()
                time.sleep(1 / RECONNECTS_MAX)
        except Exception as error:
            self.failure = error

    def once(self):
        began = time.monotonic()
        try:
            peer = Peer(self.server.address, self.until)
        except OSError:
            return
        try:
            self.attack(peer)
            if peer.is_over:
                self.held += 1
        except Closed as end:
            self.ends.append((time.monotonic() - began, str(end)))
        except TimeoutError:
            self.held += 1  # The server takes no more: it holds the flood back.
        finally:
            peer.close()


def idle_connections(server, options, until):
    """As many connections as are let in, with nothing to say."""
    peers = []
    try:
        for _ in range(options.idle):
            peer = Peer(server.address, until)
            peer.send(opening())
            peers.append(peer)
        while time.monotonic() < until:
            time.sleep(0.05)
    except (OSError, Closed):
        pass
    finally:
        for peer in peers:
            peer.close()
    return f"{len(peers)} connections"


def broken_off(server, options, until):
    count = every_byte(lambda: Peer(server.address, until))
    return f"after each of {count} bytes"


def handshakes(server, options, until):
    """Handshakes, each thrown away once it is done."""
    count = 0
    while time.monotonic() < until:
        Peer(server.address, until, wrap=tls).close()
        count += 1
    return f"{count} handshakes"


def half_handshakes(server, options, until):
    """Handshakes that are begun and never ended."""
    peers = []
    hello = ssl.MemoryBIO()
    client = TLS.wrap_bio(ssl.MemoryBIO(), hello, server_hostname="localhost")
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        pass
    hello = hello.read()
    for number in range(options.idle):
        peers.append(Peer(server.address, until))
        peers[-1].send(hello[: len(hello) if number % 2 else 20])
    while time.monotonic() < until:
        time.sleep(0.05)
    for peer in peers:
        peer.close()
    return f"{len(peers)} handshakes"


def wrong_frames(server, options, until):
    """Each wrong opening must end its connection."""
    borne = []
    for number, bytes_sent in enumerate(WRONG):
        peer = Peer(server.address, time.monotonic() + 4)
        try:
            wrong(bytes_sent)(peer)
            borne.append(number)
        except Closed:
            pass
        finally:
            peer.close()
    if borne:
        raise AssertionError(f"wrong openings {borne} were borne for four seconds")
    return f"{len(WRONG)} of {len(WRONG)} ended"


SPECIAL = {"idle_connections": idle_connections, "broken_off": broken_off,
           "wrong_frames": wrong_frames}


TLS_ONLY = {"handshakes": handshakes, "half_handshakes": half_handshakes}


class Outcome:
    def __init__(self, name):
        self.name = name
        self.problems = []
        self.note = ""


def assail(name, server, healthy, options):
    """One attack, with a quiet time before it to compare with."""
    outcome = Outcome(name)
    quiet = time.monotonic()
    time.sleep(options.seconds / 2)
    memory = server.memory()
    descriptors = server.descriptors()
    processor = server.processor_seconds()
    began = time.monotonic()
    until = began + options.seconds
    attackers = []
    special = {**SPECIAL, **TLS_ONLY}.get(name)
    if special:
        outcome.note = special(server, options, until)
        # Others must have time to be answered, however quickly it was done.
        time.sleep(max(0, until - time.monotonic()))
    else:
        attackers = [
            Attacker(server, ATTACKS[name], until) for _ in range(options.connections)]
        for attacker in attackers:
            attacker.start()
    peak = memory
    while any(attacker.is_alive() for attacker in attackers) and server.is_alive():
        peak = max(peak, server.memory())
        time.sleep(0.02)
    ended = time.monotonic()
    if not server.is_alive():
        outcome.problems.append(f"the process ended with {server.process.returncode}")
        return outcome
    peak = max(peak, server.memory())
    share = (server.processor_seconds() - processor) / (ended - began)
    settle(server, descriptors, outcome)
    time.sleep(0.2)
    judge(outcome, healthy, (quiet, began, ended), options)
    for attacker in attackers:
        if attacker.failure:
            outcome.problems.append(f"the attacker failed: {attacker.failure!r}")
    growth = (peak - memory) / MIB
    ends = [end for attacker in attackers for end in attacker.ends]
    held = sum(attacker.held for attacker in attackers)
    if ends:
        words = sorted({why for _, why in ends})
        seconds = sorted(seconds for seconds, _ in ends)
        outcome.note += (f"{len(ends)} ended after {seconds[len(seconds) // 2]:.2f} s"
                         f" ({', '.join(words)})")
    if held:
        outcome.note += f"{', ' if ends else ''}{held} borne to the end"
    outcome.growth, outcome.share = growth, share
    # What may be had by being many is bounded for each.
    kept = min(options.idle, ADDRESS_MAX) if name == "idle_connections" else 0
    begun = HELD_BYTES if name in UNFINISHED else 0
    bound = max(options.memory, kept * IDLE_BYTES / MIB, begun / MIB)
    if growth > bound:
        outcome.problems.append(f"memory grew by {growth:.1f} MiB")
    return outcome


def settle(server, descriptors, outcome):
    """All that the attack opened must be closed soon after it."""
    patience = time.monotonic() + 10
    while server.descriptors() > descriptors + 1 and time.monotonic() < patience:
        time.sleep(0.05)
    if server.descriptors() > descriptors + 1:
        outcome.problems.append(f"{server.descriptors() - descriptors} descriptors are left open")


def judge(outcome, healthy, moments, options):
    quiet, began, ended = moments
    before, lost_before = healthy.between(quiet, began)
    during, lost = healthy.between(began, ended)
    answered = len(during) / max(1, len(during) + len(lost))
    usual = len(before) / max(1, len(before) + len(lost_before))
    outcome.goodput = answered / usual if usual else 0
    outcome.median = during[len(during) // 2] if during else float("nan")
    outcome.slowest = during[-1] if during else float("nan")
    if not during:
        outcome.problems.append(f"no healthy call was answered: {sorted(set(lost))}")
    if outcome.goodput < options.goodput:
        outcome.problems.append(
            f"goodput {outcome.goodput:.0%} of the usual: {sorted(set(lost))}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=0.6)
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--rate", type=float, default=50)
    parser.add_argument("--idle", type=int, default=200)
    parser.add_argument("--only", action="append")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    parser.add_argument("server")
    options = parser.parse_args()
    options.tls = (["--certificate", options.certificate, "--key", options.key]
                   if options.certificate else [])
    options.goodput = 0.9 if options.table else 0.2
    options.memory = 8 if options.table else 64
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    server = Server(options)
    healthy = None
    failed = 0
    try:
        healthy = Healthy(server.port, options)
        time.sleep(1)  # The first calls warm the server up.
        print(f"{'attack':<34} {'goodput':>7} {'median':>9} {'slowest':>9} {'memory':>9} "
              f"{'processor':>9}  what became of it")
        for name in TLS_ONLY if options.tls else [*ATTACKS, *SPECIAL]:
            if options.only and name not in options.only:
                continue
            outcome = assail(name, server, healthy, options)
            failed += bool(outcome.problems)
            if hasattr(outcome, "share"):
                print(f"{name:<34} {outcome.goodput:>7.0%} {outcome.median * 1000:>6.1f} ms "
                      f"{outcome.slowest * 1000:>6.0f} ms {outcome.growth:>5.1f} MiB "
                      f"{outcome.share:>9.0%}  {outcome.note}")
            for problem in outcome.problems:
                print(f"FAILED  {name}: {problem}")
            sys.stdout.flush()
            if not server.is_alive():
                break
    except Exception:
        failed += 1
        print(f"FAILED  {traceback.format_exc()}")
    finally:
        if healthy:
            healthy.stop()
        server.stop()
    print("ok" if not failed else f"{failed} attacks did harm")
    sys.exit(1 if failed else 0)


main()
