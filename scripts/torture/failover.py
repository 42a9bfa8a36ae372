"""A failover under load, COUNT times: every other time the primary's processes are killed, else they
are stopped, and go on once the standby has taken over. Prints for each what became of the calls."""

import concurrent.futures
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[2]
WORK = ROOT / f".run/torture-failover-{os.getpid()}"
PROGRAM = ROOT / ".build" / os.environ.get("CONFIGURATION", "debug") / "clientele"
BIN = max(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))
PASSWORD = "clientele-demo-password"
WRITERS = 6
BACK_WITHIN = 30.0
# The monitor's patience. A primary that is cut off stops itself before the standby takes over:
# network_partition_timeout is below node_considered_unhealthy + primary_demote.
MONITOR = {
    "pgautofailover.health_check_period": "1s",
    "pgautofailover.health_check_timeout": "1s",
    "pgautofailover.health_check_max_retries": "1",
    "pgautofailover.health_check_retry_delay": "500ms",
    "pgautofailover.node_considered_unhealthy_timeout": "5s",
    "pgautofailover.primary_demote_timeout": "5s",
    "pgautofailover.startup_grace_period": "5s",
}


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def wait(what, within, condition):
    end = time.monotonic() + within
    while time.monotonic() < end:
        try:
            found = condition()
        except (OSError, subprocess.SubprocessError, ValueError, KeyError):
            found = None
        if found:
            return found
        time.sleep(0.1)
    raise SystemExit(f"failover: {what}: not within {within} s")


class Node:
    """A pg_autoctl with its PostgreSQL, as the user postgres, in a session of its own."""

    def __init__(self, name, port):
        self.name, self.port = name, port
        self.home = WORK / name
        self.data = self.home / "data"
        self.process = None

    def environment(self):
        home = str(self.home)
        return {
            "PATH": f"{BIN}:/usr/bin:/bin", "HOME": home, "LC_ALL": "C.UTF-8",
            "XDG_CONFIG_HOME": home, "XDG_DATA_HOME": home, "XDG_RUNTIME_DIR": home,
        }

    def autoctl(self, *words):
        return subprocess.run(
            ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "pg_autoctl",
             *words], env=self.environment(), cwd="/", check=True, capture_output=True, text=True,
        ).stdout

    def start(self, *words):
        """Creates the node when `words` say how, else runs it again."""
        self.home.mkdir(parents=True, exist_ok=True)
        shutil.chown(self.home, "postgres", "postgres")
        log = (self.home / "autoctl.log").open("a")
        command = ["create", *words] if words else ["run"]
        self.process = subprocess.Popen(
            ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "pg_autoctl",
             *command, "--pgdata", str(self.data), *(["--run"] if words else [])],
            env=self.environment(), cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True)

    def tree(self):
        """Every process of the node, those of PostgreSQL's own sessions included."""
        children = {}
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
        found, waiting = [], [self.process.pid]
        pidfile = self.data / "postmaster.pid"
        if pidfile.exists():
            waiting.append(int(pidfile.read_text().split()[0]))
        while waiting:
            pid = waiting.pop()
            if pid in found:
                continue
            found.append(pid)
            waiting += children.get(pid, [])
        return found

    def signal(self, number):
        """All at once: nothing that still runs may start again what was just killed."""
        frozen = set()
        if number != signal.SIGCONT:
            while pids := set(self.tree()) - frozen:
                self.each(pids, signal.SIGSTOP)
                frozen |= pids
        if number != signal.SIGSTOP:
            self.each(frozen or self.tree(), number)

    @staticmethod
    def each(pids, number):
        for pid in pids:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.signal(signal.SIGKILL)
            self.process.wait()

    def sql(self, text, database="clientele"):
        return subprocess.run(
            [BIN / "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", text,
             f"host=127.0.0.1 port={self.port} user=postgres dbname={database} connect_timeout=2"],
            check=True, capture_output=True, text=True, timeout=30).stdout.strip()


class Cluster:
    def __init__(self):
        ports = free_ports(3)
        self.monitor = Node("monitor", ports[0])
        self.nodes = [Node("first", ports[1]), Node("second", ports[2])]

    def start(self):
        self.monitor.start(
            "monitor", "--pgport", str(self.monitor.port), "--hostname", "127.0.0.1", "--auth",
            "trust", "--no-ssl")
        uri = f"postgres://autoctl_node@127.0.0.1:{self.monitor.port}/pg_auto_failover"
        wait("the monitor answers", 60, lambda: self.monitor.sql("select 1", "pg_auto_failover"))
        for name, value in MONITOR.items():
            self.monitor.sql(f"alter system set {name} = '{value}'", "pg_auto_failover")
        self.monitor.sql("select pg_reload_conf()", "pg_auto_failover")
        for node in self.nodes:
            node.start(
                "postgres", "--pgport", str(node.port), "--listen", "127.0.0.1", "--hostname",
                "127.0.0.1", "--name", node.name, "--auth", "trust", "--no-ssl", "--monitor",
                f"{uri}?sslmode=disable")
            wait(f"{node.name} answers", 90, lambda: node.sql("select 1", "postgres"))
            wait(f"{node.name} is set", 30, lambda: node.autoctl(
                "config", "set", "--pgdata", str(node.data), "timeout.network_partition_timeout",
                "5") is not None)
            with (node.data / "pg_hba.conf").open("a") as hba:
                hba.write("host all all 127.0.0.1/32 trust\n")
            node.sql("select pg_reload_conf()", "postgres")
            wait(f"{node.name} has reloaded", 30, lambda: node.autoctl(
                "reload", "--pgdata", str(node.data)) is not None)
        self.settle(120)

    def states(self):
        rows = self.monitor.sql(
            "select nodename, reportedstate, goalstate from pgautofailover.node",
            "pg_auto_failover")
        return {row.split("|")[0]: row.split("|")[1:] for row in rows.splitlines()}

    def primary(self):
        for node in self.nodes:
            if self.states().get(node.name) == ["primary", "primary"]:
                return node
        return None

    def settle(self, within):
        """A primary whose standby is in its quorum."""
        def is_settled():
            states = sorted(s[0] for s in self.states().values() if s[0] == s[1])
            if states != ["primary", "secondary"]:
                return False
            names = self.primary().sql("show synchronous_standby_names", "postgres")
            return "ANY 1" in names
        wait("a primary and a synchronous standby", within, is_settled)

    def connection(self):
        ports = ",".join(str(node.port) for node in self.nodes)
        return (f"host=127.0.0.1,127.0.0.1 port={ports} target_session_attrs=read-write "
                "sslmode=disable")

    def stop(self):
        for node in [*self.nodes, self.monitor]:
            node.stop()


class Stack:
    """The product on that cluster."""

    def __init__(self, cluster):
        ports = free_ports(5)
        self.url = f"http://127.0.0.1:{ports[0]}"
        names = ["gateway", "identity", "organization", "client-directory", "messaging"]
        options = [w for n, p in zip(names, ports) for w in (f"--{n}-port", str(p))]
        self.log = WORK / "dev.log"
        environment = {
            **os.environ, "CLIENTELE_DATABASE_CLUSTER": cluster.connection(),
            "CLIENTELE_PUBLIC_CALLS_PER_MINUTE": "1000000", "CLIENTELE_PUBLIC_BURST": "100000",
            "CLIENTELE_PROCESSES": "1",
        }
        self.process = subprocess.Popen(
            [PROGRAM, "dev", "--directory", WORK / "stack", "--demo", *options], cwd=ROOT,
            env=environment, stdin=subprocess.DEVNULL, stdout=self.log.open("w"),
            stderr=subprocess.STDOUT)
        wait("the services are up or have ended", 180, lambda: self.process.poll() is not None
             or "Clientele is up." in self.log.read_text())
        if self.process.poll() is not None:
            raise SystemExit(f"failover: clientele dev ended: {self.log.read_text()}")
        self.token = self.call(
            "POST", "/v1/sessions", {"identifier": "admin@demo.example", "password": PASSWORD}
        )["sessionToken"]
        me = self.call("GET", "/v1/accounts/me")
        self.organization = me["memberships"][0]["organizationId"]

    token = None

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

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()


class Load:
    """Writers that create clients, each call under a key, and what each was told."""

    def __init__(self, stack):
        self.stack = stack
        self.going = True
        self.lock = threading.Lock()
        self.acked, self.doubtful, self.refused = {}, set(), set()
        self.successes = []
        self.pool = concurrent.futures.ThreadPoolExecutor(WRITERS)
        self.writers = [self.pool.submit(self.write) for _ in range(WRITERS)]

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


def strike(cluster, stack, number):
    kind = "kill -9" if number % 2 else "SIGSTOP"
    cluster.settle(180)
    primary = cluster.primary()
    load = Load(stack)
    wait("writes succeed", 30, lambda: len(load.successes) >= 20)
    time.sleep(2)
    primary.signal(signal.SIGKILL if number % 2 else signal.SIGSTOP)
    struck = time.monotonic()
    other = next(node for node in cluster.nodes if node is not primary)
    wait("the standby takes writes", 60,
         lambda: other.sql("select pg_is_in_recovery()", "postgres") == "f")
    promoted = time.monotonic() - struck
    # What was sent before the blow may still have been answered.
    back = wait("writes are back", 90, lambda: next(
        (end for begun, end in load.successes if begun > struck), None)) - struck
    time.sleep(5)
    # The old primary comes back with what it had, and has to give it up.
    if number % 2:
        primary.process.wait()
        primary.start()
    else:
        primary.signal(signal.SIGCONT)
    time.sleep(5)
    load.end()
    unknown = load.resolve()
    cluster.settle(180)
    rows = cluster.primary().sql(
        "select client_id || ' ' || family_name from client_directory.clients "
        "where family_name like 'Op %'")
    stored = {}
    for row in rows.splitlines():
        client, _, key = row.split(" ")
        stored.setdefault(key, []).append(client)
    lost = [k for k, client in load.acked.items() if client not in stored.get(k, [])]
    doubled = [k for k, clients in stored.items() if len(clients) > 1]
    print(f"{number}: {kind} of {primary.name}: standby promoted after {promoted:.1f} s, writes back"
          f" after {back:.1f} s; acknowledged {len(load.acked)}, in doubt {len(load.doubtful)}"
          f" (still unknown {len(unknown)}), refused {len(load.refused)}, lost {len(lost)},"
          f" doubled {len(doubled)}", flush=True)
    return not lost and not doubled and not unknown and back <= BACK_WITHIN


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    WORK.mkdir(parents=True)
    WORK.chmod(0o755)
    cluster, stack = Cluster(), None
    good = False
    try:
        cluster.start()
        stack = Stack(cluster)
        good = all([strike(cluster, stack, number) for number in range(1, int(sys.argv[1]) + 1)])
    finally:
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
