"""pg_auto_failover's monitor and two nodes, each in a network of its own on one bridge, so that a
node can be cut off. Needs root, and namespaces that nobody else is in (failover.sh makes them)."""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

BIN = max(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: int(p.parent.name))
PORT = 5432
NETWORK = "10.77.0"
# The monitor's patience, and the nodes'. A primary that is cut off is to stop itself before the
# standby takes over: network_partition_timeout is below node_considered_unhealthy + primary_demote.
# Before that it has to miss its standby, which it believes in for wal_sender_timeout.
MONITOR = {
    "pgautofailover.health_check_period": "1s",
    "pgautofailover.health_check_timeout": "1s",
    "pgautofailover.health_check_max_retries": "1",
    "pgautofailover.health_check_retry_delay": "500ms",
    "pgautofailover.node_considered_unhealthy_timeout": "5s",
    "pgautofailover.primary_demote_timeout": "5s",
    "pgautofailover.startup_grace_period": "5s",
}


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
    raise SystemExit(f"{pathlib.Path(sys.argv[0]).stem}: {what}: not within {within} s")


def run(*words, text=None):
    subprocess.run(words, check=True, input=text, text=True, stdout=subprocess.DEVNULL)


class Node:
    """A pg_autoctl with its PostgreSQL, as the user postgres, in a session and a network of its own."""

    def __init__(self, name, number, work):
        self.name, self.number = name, number
        self.address, self.port = f"{NETWORK}.{number}", PORT + number
        self.home = work / name
        self.data = self.home / "data"
        self.process = None
        # The network lasts as long as the process that holds it.
        self.net = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        own = os.readlink("/proc/self/ns/net")
        wait("a network", 10, lambda: os.readlink(f"/proc/{self.net.pid}/ns/net") != own)
        run("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns",
            str(self.net.pid))
        run("ip", "link", "set", name, "master", "bridge", "up")
        for words in (f"addr add {self.address}/24 dev eth0", "link set eth0 up", "link set lo up"):
            run(*self.inside, "ip", *words.split())

    @property
    def inside(self):
        """What a command begins with that runs in the node's network."""
        return ["nsenter", f"--net=/proc/{self.net.pid}/ns/net"]

    def environment(self):
        home = str(self.home)
        return {
            "PATH": f"{BIN}:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": home, "LC_ALL": "C.UTF-8",
            "XDG_CONFIG_HOME": home, "XDG_DATA_HOME": home, "XDG_RUNTIME_DIR": home,
            "PGDATA": str(self.data),
        }

    def command(self, *words):
        return [*self.inside, "setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups",
                "pg_autoctl", *words]

    def autoctl(self, *words):
        return subprocess.run(
            self.command(*words), env=self.environment(), cwd="/", check=True,
            capture_output=True, text=True).stdout

    def start(self, *words):
        """Creates the node when `words` say how, else runs it again."""
        self.home.mkdir(parents=True, exist_ok=True)
        shutil.chown(self.home, "postgres", "postgres")
        create = ["create", *words, "--pgport", str(self.port), "--hostname", self.address, "--auth",
                  "trust", "--no-ssl", "--run"]
        with (self.home / "autoctl.log").open("a") as log:
            self.process = subprocess.Popen(
                self.command(*(create if words else ["run"])), env=self.environment(), cwd="/",
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)

    # Faults

    def cut(self, *others):
        """Swallows whatever comes from those nodes, and goes to them; from all when none is named."""
        def rule(side):
            return f"ip {side} {{ {', '.join(o.address for o in others)} }} drop" if others else "drop"
        run(*self.inside, "nft", "-f", "-", text=f"""
            table inet cut {{
              chain arriving {{
                type filter hook input priority 0
                iif lo accept
                {rule("saddr")}
              }}
              chain leaving {{
                type filter hook output priority 0
                oif lo accept
                {rule("daddr")}
              }}
            }}
            """)

    def heal(self):
        run(*self.inside, "nft", "delete", "table", "inet", "cut")

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
        self.net.kill()
        self.net.wait()

    def sql(self, text, database="clientele", user="postgres", within=30):
        """Asks from within the node's network, which a cut leaves alone."""
        return subprocess.run(
            [*self.inside, BIN / "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", text,
             f"host=127.0.0.1 port={self.port} user={user} dbname={database} "
             "connect_timeout=2"],
            check=True, capture_output=True, text=True, timeout=within).stdout.strip()


class Cluster:
    def __init__(self, work):
        run("ip", "link", "add", "bridge", "type", "bridge")
        run("ip", "addr", "add", f"{NETWORK}.1/24", "dev", "bridge")
        run("ip", "link", "set", "bridge", "up")
        self.monitor = Node("monitor", 2, work)
        self.nodes = [Node("first", 3, work), Node("second", 4, work)]

    def start(self):
        self.monitor.start("monitor")
        uri = f"postgres://autoctl_node@{self.monitor.address}:{self.monitor.port}/pg_auto_failover"
        wait("the monitor answers", 60, lambda: self.monitor.sql("select 1", "pg_auto_failover"))
        for name, value in MONITOR.items():
            self.monitor.sql(f"alter system set {name} = '{value}'", "pg_auto_failover")
        self.monitor.sql("select pg_reload_conf()", "pg_auto_failover")
        for node in self.nodes:
            node.start(
                "postgres", "--listen", "*", "--name", node.name, "--monitor",
                f"{uri}?sslmode=disable")
            wait(f"{node.name} answers", 90, lambda: node.sql("select 1", "postgres"))
            wait(f"{node.name} is set", 30, lambda: node.autoctl(
                "config", "set", "timeout.network_partition_timeout", "5") is not None)
            with (node.data / "pg_hba.conf").open("a") as hba:
                hba.write(f"host all all {NETWORK}.0/24 trust\n")
            node.sql("alter system set wal_sender_timeout = '5s'", "postgres")
            node.sql("select pg_reload_conf()", "postgres")
            wait(f"{node.name} has reloaded", 30, lambda: node.autoctl("reload") is not None)
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
        """How clients find whoever is the primary."""
        hosts = ",".join(node.address for node in self.nodes)
        ports = ",".join(str(node.port) for node in self.nodes)
        return f"host={hosts} port={ports} target_session_attrs=read-write sslmode=disable"

    def stop(self):
        for node in [*self.nodes, self.monitor]:
            node.stop()
