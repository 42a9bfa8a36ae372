"""Failovers under load, COUNT of them: the primary's processes are killed, or stopped, or it is cut
off, and comes back once the standby has taken over. Prints for each what became of the calls, and
whether the old primary still took writes. failover.sh runs it."""

import concurrent.futures
import dataclasses
import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid

from cluster import Cluster, wait

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORK = ROOT / f".run/torture-{pathlib.Path(sys.argv[0]).stem}-{time.time_ns()}"
PROGRAM = ROOT / ".build" / os.environ.get("CONFIGURATION", "debug") / "clientele"
PASSWORD = "clientele-demo-password"
WRITERS = 6
BACK_WITHIN = 30.0


class Caller:
    """Somebody of an organisation, at the gateway."""

    url = "http://127.0.0.1:8080"
    token = None

    def sign_in(self, identifier):
        self.token = self.call(
            "POST", "/v1/sessions", {"identifier": identifier, "password": PASSWORD}
        )["sessionToken"]
        me = self.call("GET", "/v1/accounts/me")
        self.organization = me["memberships"][0]["organizationId"]

    def call(self, method, path, body=None, key=None):
        request = urllib.request.Request(
            self.url + path, method=method, data=json.dumps(body).encode() if body else None)
        request.add_header("Content-Type", "application/json")
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        if key:
            request.add_header("Idempotency-Key", key)
        with urllib.request.urlopen(request, timeout=15) as answer:
            return json.load(answer)


class Stack(Caller):
    """The product on that cluster. The network is its own, so all ports are as they usually are."""

    def __init__(self, cluster):
        self.log = WORK / "dev.log"
        environment = {
            **os.environ, "CLIENTELE_DATABASE_CLUSTER": cluster.connection(),
            "CLIENTELE_PUBLIC_CALLS_PER_MINUTE": "1000000", "CLIENTELE_PUBLIC_BURST": "100000",
            "CLIENTELE_PROCESSES": "1",
        }
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [PROGRAM, "dev", "--directory", WORK / "stack", "--demo"], cwd=ROOT,
                env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        wait("the services are up or have ended", 180, lambda: self.process.poll() is not None
             or "Clientele is up." in self.log.read_text())
        if self.process.poll() is not None:
            raise SystemExit(f"failover: clientele dev ended: {self.log.read_text()}")
        self.sign_in("admin@demo.example")

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()


class Load:
    """Writers that create clients, each call under a key, and what each was told."""

    def __init__(self, stack, writers=WRITERS):
        self.stack = stack
        self.going = True
        self.lock = threading.Lock()
        self.acked, self.doubtful, self.refused = {}, set(), set()
        self.successes = []
        self.pool = concurrent.futures.ThreadPoolExecutor(writers)
        self.writers = [self.pool.submit(self.write) for _ in range(writers)]

    def create(self, key):
        """Answers the client's id, or why there is none: `doubt` or `refused`."""
        path = f"/v1/organizations/{self.stack.organization}/clients"
        body = {"email": f"{key}@example.org", "givenName": "Nora", "familyName": f"Op {key}",
                "language": "en"}
        try:
            return "ok", self.stack.call("POST", path, body, key)["clientId"]
        except urllib.error.HTTPError as error:
            error.read()
            return ("doubt" if error.code in (429, 500, 502, 503, 504) else "refused"), error.code
        except (OSError, ValueError):
            return "doubt", None

    def write(self):
        while self.going:
            key = str(uuid.uuid4())
            begun = time.monotonic()
            told, client = self.create(key)
            with self.lock:
                if told == "ok":
                    self.acked[key] = client
                    self.successes.append((begun, time.monotonic()))
                elif told == "doubt":
                    self.doubtful.add(key)
                else:
                    self.refused.add(key)
            if told != "ok":
                time.sleep(0.05)

    def end(self):
        self.going = False
        for writer in self.writers:
            writer.result()
        self.pool.shutdown()

    def resolve(self):
        """Repeats what is in doubt, with its key, until all of it is known."""
        waiting, end = set(self.doubtful), time.monotonic() + 120
        while waiting and time.monotonic() < end:
            for key in list(waiting):
                told, client = self.create(key)
                if told == "ok":
                    self.acked[key] = client
                    waiting.discard(key)
                elif told == "refused":
                    self.refused.add(key)
                    waiting.discard(key)
        return waiting


class Loyal:
    """Writers that sit beside one node and never ask another: what it says yes to once it is no
    longer the primary is a split brain."""

    def __init__(self, node):
        self.node = node
        self.going = True
        self.asked, self.acked = [], []
        self.pool = concurrent.futures.ThreadPoolExecutor(3)
        self.writers = [self.pool.submit(self.write) for _ in range(3)]

    def write(self):
        while self.going:
            mark, begun = uuid.uuid4(), time.monotonic()
            self.asked.append(begun)
            try:
                self.node.sql(
                    f"insert into loyal values ('{mark}')", "postgres", user="loyal", within=10)
                self.acked.append((begun, str(mark)))
            except subprocess.SubprocessError:
                pass
            time.sleep(0.1)

    def end(self):
        self.going = False
        for writer in self.writers:
            writer.result()
        self.pool.shutdown()


class Fault:
    """What befalls a primary: how it begins, and how it ends once another has taken over."""

    def __init__(self, words, begin, end):
        self.words, self.begin, self.end = words, begin, end


def restart(node):
    node.process.wait()
    node.start()


def faults(cluster):
    """The last one leaves the way to the services open."""
    return [
        Fault("kill -9", lambda node, other: node.signal(signal.SIGKILL), restart),
        Fault("SIGSTOP", lambda node, other: node.signal(signal.SIGSTOP),
              lambda node: node.signal(signal.SIGCONT)),
        Fault("cut off from all", lambda node, other: node.cut(), lambda node: node.heal()),
        Fault("cut off from its peers", lambda node, other: node.cut(cluster.monitor, other),
              lambda node: node.heal()),
    ]


@dataclasses.dataclass
class Round:
    fault: str
    promoted: float
    back: float
    acknowledged: int
    doubts: int
    unknown: int
    refused: int
    lost: int
    doubled: int
    # Writes that only the old primary was asked for, once another was promoted.
    asked: int
    split: int

    @property
    def is_good(self):
        return not (self.lost or self.doubled or self.unknown or self.split
                    ) and self.back <= BACK_WITHIN and self.asked > 0


def strike(cluster, stack, fault):
    cluster.settle(180)
    primary = cluster.primary()
    other = next(node for node in cluster.nodes if node is not primary)
    load, loyal = Load(stack), Loyal(primary)
    wait("writes succeed", 30, lambda: len(load.successes) >= 20 and len(loyal.acked) >= 5)
    time.sleep(2)
    fault.begin(primary, other)
    struck = time.monotonic()
    wait("the standby takes writes", 60,
         lambda: other.sql("select pg_is_in_recovery()", "postgres") == "f")
    promotion = time.monotonic()
    # What was sent before the blow may still have been answered.
    back = wait("writes are back", 90, lambda: next(
        (end for begun, end in load.successes if begun > struck), None)) - struck
    time.sleep(5)
    # The old primary comes back with what it had, and has to give it up.
    fault.end(primary)
    time.sleep(5)
    load.end()
    loyal.end()
    unknown = load.resolve()
    cluster.settle(180)
    stored = {}
    for row in cluster.primary().sql(
            "select client_id || ' ' || family_name from client_directory.clients "
            "where family_name like 'Op %'").splitlines():
        client, _, key = row.split(" ")
        stored.setdefault(key, []).append(client)
    kept = set(cluster.primary().sql("select mark from loyal", "postgres").splitlines())
    return Round(
        fault.words, promotion - struck, back, len(load.acked), len(load.doubtful), len(unknown),
        len(load.refused),
        sum(client not in stored.get(key, []) for key, client in load.acked.items()),
        sum(len(clients) > 1 for clients in stored.values()),
        sum(begun > promotion for begun in loyal.asked),
        sum(begun > promotion or mark not in kept for begun, mark in loyal.acked))


def tell(number, one):
    print(f"{number}: {one.fault}: standby promoted after {one.promoted:.1f} s, writes back after"
          f" {one.back:.1f} s; acknowledged {one.acknowledged}, in doubt {one.doubts} (still unknown"
          f" {one.unknown}), refused {one.refused}, lost {one.lost}, doubled {one.doubled}; of the"
          f" old primary {one.asked} writes asked after that, split-brain writes {one.split}",
          flush=True)


def report(rounds):
    def total(name):
        return sum(getattr(one, name) for one in rounds)
    backs = [one.back for one in rounds]
    print(f"report: {len(rounds)} failovers: {total('acknowledged')} acknowledged"
          f" ({total('doubts')} after a doubt or not at all), {total('unknown')} in doubt,"
          f" {total('lost')} lost, {total('doubled')} doubled; writes back after"
          f" {statistics.median(backs):.1f} s, at most {max(backs):.1f} s; {total('asked')} writes"
          f" asked of old primaries, {total('split')} split-brain writes", flush=True)


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    WORK.mkdir(parents=True)
    WORK.chmod(0o755)
    cluster, stack, rounds = Cluster(WORK), None, []
    good = False
    try:
        cluster.start()
        # Nobody special: superusers take the connections that pg_autoctl needs.
        cluster.primary().sql(
            "create role loyal login; create table loyal (mark uuid primary key);"
            "grant insert on loyal to loyal", "postgres")
        stack = Stack(cluster)
        kinds = faults(cluster)
        for number in range(int(sys.argv[1])):
            rounds.append(strike(cluster, stack, kinds[number % len(kinds)]))
            tell(number + 1, rounds[-1])
        good = all(one.is_good for one in rounds)
    finally:
        if rounds:
            report(rounds)
        if stack:
            stack.stop()
        cluster.stop()
        if good:
            shutil.rmtree(WORK, ignore_errors=True)
        else:
            print(f"failover: logs in {WORK}", file=sys.stderr)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
