"""Nodes of a Citus cluster that are killed under load, ROUNDS times each, and one that joins while
shards move to it. Writers of several organisations, on different nodes, create clients with mails to
them; what each was told is held against the database, the feed, the audit log and the outbox.
citus.sh runs it."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

from cluster import BIN, wait
from failover import PROGRAM, ROOT, WORK, Caller, Load, Stack

PORT = 5432
DATABASE = "clientele"
SERVICES = ["identity", "organization", "client_directory", "messaging"]
ROLES = ["postgres"] + [
    service + suffix for service in SERVICES for suffix in ("", "_owner", "_migrate", "_worker")]
AWAY = 3.0  # seconds that a killed node stays away


def postgres(*words):
    subprocess.run(
        ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", *map(str, words)],
        check=True, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


class Certificates:
    """Of an authority that only the nodes know: one for all of them, one for who connects."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        self.sign("ca", "-x509", "-days", "1")
        for name in ("node", "client"):
            self.sign(name, "-x509", "-days", "1", "-CA", folder / "ca.pem", "-CAkey",
                      folder / "ca.key", "-addext", "subjectAltName=IP:127.0.0.1")
        for file in folder.iterdir():
            shutil.chown(file, "postgres", "postgres")
            file.chmod(0o600)

    def sign(self, name, *words):
        subprocess.run(
            ["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
             "-subj", f"/CN=citus-{name}", "-keyout", self.folder / f"{name}.key", "-out",
             self.folder / f"{name}.pem", *words], check=True, capture_output=True)


class Node:
    def __init__(self, number, certificates):
        self.port = PORT + number
        self.data = WORK / f"node-{number}"
        self.name = "the coordinator" if number == 0 else f"worker {number}"
        self.log = WORK / f"node-{number}.log"
        postgres(BIN / "initdb", "-D", self.data, "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8",
                 "--auth=trust", "--data-checksums")
        tls = certificates.folder
        with (self.data / "postgresql.conf").open("a") as settings:
            settings.write(f"""
                port = {self.port}
                listen_addresses = '127.0.0.1'
                unix_socket_directories = '{WORK}'
                shared_preload_libraries = 'citus'
                max_connections = 300
                timezone = 'UTC'
                lc_messages = 'C'
                ssl = on
                ssl_cert_file = '{tls}/node.pem'
                ssl_key_file = '{tls}/node.key'
                ssl_ca_file = '{tls}/ca.pem'
                citus.recover_2pc_interval = '5s'
                citus.local_hostname = '127.0.0.1'
                citus.node_conninfo = 'sslmode=verify-full sslrootcert={tls}/ca.pem \
sslcert={tls}/client.pem sslkey={tls}/client.key'
                """)
        (self.data / "pg_hba.conf").write_text(
            "local all all trust\nhostssl all all 127.0.0.1/32 cert map=nodes\n")
        (self.data / "pg_ident.conf").write_text(
            "".join(f"nodes citus-client {role}\n" for role in ROLES))
        self.start()
        self.sql(f"create database {DATABASE}", "postgres")
        self.sql("create extension citus")

    def start(self):
        postgres(BIN / "pg_ctl", "start", "-D", self.data, "-s", "-w", "-t", 60, "-l", self.log)

    def kill(self):
        """All of its processes at once."""
        first = int((self.data / "postmaster.pid").read_text().split()[0])
        children = []
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == first:
                children.append(int(stat.parent.name))
        for pid in [first, *children]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        wait(f"{self.name} is dead", 10, lambda: not pathlib.Path(f"/proc/{first}").exists())
        (self.data / "postmaster.pid").unlink()

    def stop(self):
        subprocess.run(
            ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", BIN / "pg_ctl",
             "stop", "-D", self.data, "-m", "immediate"], cwd="/", capture_output=True)

    def sql(self, text, database=DATABASE):
        said = subprocess.run(
            [BIN / "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-c", text,
             f"host={WORK} port={self.port} user=postgres dbname={database}"],
            capture_output=True, text=True)
        if said.returncode != 0:
            raise SystemExit(f"citus: {self.name}: {said.stderr}")
        return said.stdout.splitlines()


class Nodes:
    """The coordinator and two workers, with the services' tables on them."""

    def __init__(self):
        self.certificates = Certificates(WORK / "tls")
        self.nodes = [Node(number, self.certificates) for number in range(3)]
        self.coordinator.sql(f"select citus_set_coordinator_host('127.0.0.1', {PORT})")
        for node in self.nodes[1:]:
            self.tell(node)
        self.migrate()

    @property
    def coordinator(self):
        return self.nodes[0]

    def connection(self):
        return f"host={WORK} port={PORT}"

    def tell(self, node):
        self.coordinator.sql(f"select citus_add_node('127.0.0.1', {node.port})")

    def migrate(self):
        clientele("migrate", "--citus", "--superuser", f"{self.connection()} user=postgres")

    def join(self):
        """One more node, and a fair share of the shards to it."""
        node = Node(len(self.nodes), self.certificates)
        self.nodes.append(node)
        self.tell(node)
        # Logical replication, which Citus moves shards by unless told otherwise, stops at row-level
        # security, and what was written meanwhile is lost.
        self.coordinator.sql(
            "select rebalance_table_shards('client_directory.clients', "
            "shard_transfer_mode => 'block_writes')")

    def places(self):
        """The port of each organisation's node."""
        rows = self.coordinator.sql(
            "select o.organization_id, n.nodeport from organization.organizations o "
            "join pg_dist_placement p on p.shardid = get_shard_id_for_distribution_column("
            "'client_directory.clients', o.organization_id) join pg_dist_node n using (groupid)")
        return dict(row.split("|") for row in rows)

    def clients(self):
        """The ids of those that were written, by key."""
        found = {}
        for row in self.coordinator.sql(
                "select client_id, family_name from client_directory.clients "
                "where family_name like 'Op %'"):
            client, _, key = row.partition("|Op ")
            found.setdefault(key, []).append(client)
        return found

    def stop(self):
        for node in self.nodes:
            node.stop()


def clientele(*words):
    said = subprocess.run(
        [PROGRAM, *map(str, words)], cwd=ROOT, capture_output=True, text=True)
    if said.returncode != 0:
        raise SystemExit(f"citus: clientele {words[0]}: {said.stdout[-2000:]}{said.stderr[-2000:]}")
    return said.stdout


class Practice(Caller):
    def __init__(self, administrator):
        self.sign_in(administrator)


def practices(cluster):
    """Two organisations on each worker."""
    said = clientele(
        "seed", "--organizations", 12, "--clients", 600, "--pepper",
        WORK / "stack/keys/pepper-1.key", "--database",
        f"{cluster.connection()} dbname={DATABASE}")
    found, places = {}, cluster.places()
    for administrator in re.findall(r"^  (\S+@\S+)  \(", said, re.MULTILINE):
        practice = Practice(administrator)
        there = found.setdefault(places[practice.organization], [])
        if len(there) < 2:
            there.append(practice)
    if len(found) < 2:
        raise SystemExit("citus: all organisations are on one node")
    return [practice for there in found.values() for practice in there]


class Loads:
    """The writers of all organisations."""

    def __init__(self, callers):
        self.loads = [Load(caller, 2) for caller in callers]

    def wait_for_each(self, what, since, within):
        """Until every organisation had a call that began after that, and succeeded."""
        wait(what, within, lambda: all(
            any(begun > since for begun, _ in load.successes[-20:]) for load in self.loads))
        return time.monotonic() - since

    def end(self):
        for load in self.loads:
            load.end()

    def merged(self, name):
        return [one for load in self.loads for one in getattr(load, name)]


def strike(what, cluster, callers, fault):
    """One fault under load; answers what is to be known of it, and the calls."""
    loads = Loads(callers)
    try:
        loads.wait_for_each("writes of all organisations", time.monotonic(), 60)
        return struck(what, cluster, loads, fault)
    finally:
        loads.end()


def struck(what, cluster, loads, fault):
    begun = time.monotonic()
    fault()
    mended = time.monotonic()
    back = loads.wait_for_each("writes are back", mended, 90)
    time.sleep(2)
    loads.end()
    during = sum(begun < sent and end < mended for sent, end in loads.merged("successes"))
    unknown = [key for load in loads.loads for key in load.resolve()]
    told = {key: client for load in loads.loads for key, client in load.acked.items()}
    stored = cluster.clients()
    lost = sum(client not in stored.get(key, []) for key, client in told.items())
    print(f"{what}: took {mended - begun:.1f} s, in which {during} writes succeeded; all"
          f" organisations write {back:.1f} s after; acknowledged {len(told)}, in doubt"
          f" {len(loads.merged('doubtful'))} (still unknown {len(unknown)}), refused"
          f" {len(loads.merged('refused'))}, lost {lost}", flush=True)
    return told, len(loads.merged("doubtful")), len(unknown)


def killed(node):
    node.kill()
    time.sleep(AWAY)
    node.start()


def sums(cluster, told):
    """Lost and doubled clients, and clients without exactly one event, audit row and mail."""
    sql = cluster.coordinator.sql
    wait("all mails are out", 120, lambda: sql(
        "select count(*) from messaging.messages m where recipient like '%@example.org' "
        "and state <> 'SENT'") == ["0"] and len(mails()) >= len(told))
    stored = cluster.clients()

    def tally(rows):
        counts = {}
        for row in rows:
            counts[row] = counts.get(row, 0) + 1
        return counts
    events = tally(sql("select aggregate_id from client_directory.events "
                       "where kind = 'client.created'"))
    audited = tally(sql("select object_id from client_directory.audit_log "
                        "where action = 'client.create'"))
    sent = tally(mails())
    there = {client for clients in stored.values() for client in clients}
    seen = {key for key, clients in stored.items() for _ in clients}
    return {
        "lost": sum(client not in stored.get(key, []) for key, client in told.items()),
        "doubled": sum(len(clients) > 1 for clients in stored.values()),
        "unknown to callers": sum(key not in told for key in stored),
        "without one event": sum(events.get(client) != 1 for client in there),
        "without one audit row": sum(audited.get(client) != 1 for client in there),
        "without one mail": sum(sent.get(key) != 1 for key in seen),
    }


def mails():
    """Whom the mails in the outbox are to, by key."""
    found = []
    for file in (WORK / "stack/outbox").glob("*.eml"):
        to = re.search(r"<([0-9a-f-]{36})@example\.org>", file.read_text(errors="replace"))
        if to:
            found.append(to[1])
    return found


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if not (pathlib.Path(subprocess.run([BIN / "pg_config", "--pkglibdir"], check=True, text=True,
                                        capture_output=True).stdout.strip()) / "citus.so").exists():
        raise SystemExit("citus: PostgreSQL has no extension citus")
    WORK.mkdir(parents=True)
    shutil.chown(WORK, "postgres", "postgres")
    WORK.chmod(0o755)
    os.environ["CLIENTELE_DATABASE_PROLOGUE"] = "set-local"
    cluster, stack, good = None, None, False
    try:
        cluster = Nodes()
        stack = Stack(cluster)
        callers = practices(cluster)
        faults = [(f"{node.name} killed (-9)", lambda node=node: killed(node))
                  for _ in range(int(sys.argv[1])) for node in cluster.nodes]
        faults.append(("a node joins and shards move", cluster.join))
        told, doubts, bad = {}, 0, 0
        for what, fault in faults:
            acked, doubtful, wrong = strike(what, cluster, callers, fault)
            told.update(acked)
            doubts += doubtful
            bad += wrong
        cluster.migrate()
        found = sums(cluster, told)
        checked = clientele("verify", "--superuser", f"{cluster.connection()} user=postgres",
                            "--directory", WORK / "stack")
        print(checked)
        print(f"report: {len(faults)} faults of a Citus cluster: {len(told)} acknowledged,"
              f" {doubts} in doubt, " + ", ".join(f"{n} {what}" for what, n in found.items()),
              flush=True)
        good = bad == 0 and not any(found.values())
    finally:
        if stack:
            stack.stop()
        if cluster:
            cluster.stop()
        if good:
            shutil.rmtree(WORK, ignore_errors=True)
        else:
            print(f"citus: logs in {WORK}", file=sys.stderr)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
