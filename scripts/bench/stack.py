"""A stack of its own for benchmarks: the services from `clientele dev`, what they say to PostgreSQL,
and pgbench saying the same.

The statements are not written down here: PostgreSQL logs those of a call, with their parameters, and
pgbench repeats them in one pipeline, with fresh ids where the call had fresh ones.
"""

import contextlib
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import time
import urllib.request

BIN = os.environ.get("CLIENTELE_BIN", ".build/release")
PGBENCH_CLIENTS = 16
SERVICES = ["gateway", "identity", "organization", "client-directory", "messaging"]
AUTOGROUPS = "/proc/sys/kernel/sched_autogroup_enabled"
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@contextlib.contextmanager
def without_autogroups():
    """Switches the kernel's autogroups off meanwhile, as docs/operations.md advises for PostgreSQL's
    machine: with them each of its sessions is a group that waits for its whole turn."""
    try:
        before = open(AUTOGROUPS).read()
        open(AUTOGROUPS, "w").write("0")
    except OSError as problem:
        print(f"bench: autogroups stay as they are: {problem}", file=sys.stderr)
        yield
        return
    try:
        yield
    finally:
        open(AUTOGROUPS, "w").write(before)


class Stack:
    """The services over a database of their own, which stays when they stop."""

    def __init__(self, folder, first_port):
        self.folder = folder
        self.ports = {name: first_port + number for number, name in enumerate(SERVICES)}
        self.admin_port = first_port + 10

    def __enter__(self):
        os.makedirs(self.folder, exist_ok=True)
        command = [f"{BIN}/clientele", "dev", "--directory", self.folder,
                   "--admin-port", str(self.admin_port)]
        for name, port in self.ports.items():
            command += [f"--{name}-port", str(port)]
        self.log = open(f"{self.folder}-dev.log", "w")
        # One process a service: the other processor is for those who ask.
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log,
                                        stdin=subprocess.DEVNULL,
                                        env=os.environ | {"CLIENTELE_PROCESSES": "1"})
        self.wait("the stack", lambda: "Clientele is up." in open(self.log.name).read())
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        self.log.close()

    def wait(self, what, condition, seconds=120):
        limit = time.monotonic() + seconds
        while not condition():
            if self.process.poll() is not None or time.monotonic() > limit:
                self.process.terminate()
                sys.exit(f"bench: waited in vain for {what}; see {self.folder}-dev.log")
            time.sleep(0.1)

    def pid(self, name):
        return int(open(f"{self.folder}/pids/{name}.pid").read())

    def healthy(self):
        try:
            url = f"http://127.0.0.1:{self.ports['gateway']}/healthz"
            return urllib.request.urlopen(url, timeout=2).status == 200
        except OSError:
            return False

    def restart(self, name):
        """Ends a service; the supervisor starts it again, with fresh connections."""
        old = self.pid(name)
        os.kill(old, signal.SIGTERM)

        def fresh():
            try:
                return self.pid(name) != old and self.healthy()
            except (OSError, ValueError):
                return False
        self.wait(f"{name} again", fresh)

    def resident(self, name):
        """Resident memory of a service in MiB."""
        for line in open(f"/proc/{self.pid(name)}/status"):
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        return 0.0

    def cpu(self, name):
        """Seconds of processor time that a service and its sessions in PostgreSQL have taken."""
        postmaster = open(f"{self.folder}/postgres/data/postmaster.pid").readline().strip()
        title = f"postgres: {name.replace('-', '_')} "
        ticks = 0
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
                is_session = fields[1] == postmaster and open(f"/proc/{pid}/cmdline").read(
                    200).startswith(title)
                if is_session or int(pid) == self.pid(name):
                    ticks += int(fields[11]) + int(fields[12])
            except OSError:
                continue  # It ended meanwhile.
        return ticks / os.sysconf("SC_CLK_TCK")

    def socket_folder(self):
        command = ["scripts/postgres.sh", "host", f"{self.folder}/postgres"]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def psql(self, script, user="postgres"):
        command = ["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-h", self.socket_folder(),
                   "-U", user, "-d", "clientele", "-f", "-"]
        done = subprocess.run(command, capture_output=True, text=True, input=script)
        if done.returncode != 0:
            sys.exit(f"bench: psql refused\n{script[:2000]}\n{done.stderr}")
        return done.stdout.strip()

    def service(self, work, calls, *more, in_flight=64):
        """Runs service-bench; answers what it printed."""
        command = [f"{BIN}/service-bench", work, "--pki", f"{self.folder}/pki",
                   "--in-flight", str(in_flight), "--calls", str(calls)]
        for name in SERVICES[1:]:
            command += [f"--{name}", f"127.0.0.1:{self.ports[name]}"]
        done = subprocess.run(command + list(more), capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            sys.exit(f"bench: service-bench {work} {' '.join(more)} failed\n{done.stderr}")
        return done.stdout.strip()

    def measured(self, work, calls, *more, in_flight=64):
        """What service-bench measured: callsPerSecond, p50ms, p99ms."""
        found = json.loads(self.service(work, calls, *more, in_flight=in_flight).splitlines()[-1])
        if found["refused"] * 100 > calls:
            print(f"bench: {found['refused']} of {calls} calls of {work} were refused: "
                  "the machine is busy with something else", file=sys.stderr)
        return found

    # What PostgreSQL is asked.

    def logging(self, name):
        """The context in which a service's statements are logged with their parameters."""
        return Logged(self, name)

    def pgbench(self, name, scripts, seconds, values={}):
        """Transactions per second of pgbench over the scripts, and the 99th percentile in ms.

        - values: of the scripts' variables.
        """
        files = []
        for variable, value in values.items():
            files += ["-D", f"{variable}={value}"]
        for number, script in enumerate(scripts):
            path = f"{self.folder}/pgbench-{number}.sql"
            open(path, "w").write(script)
            files += ["-f", path]
        prefix = f"{self.folder}/pgbench_log"
        command = ["pgbench", "-n", "-M", "prepared", "-j", "1", "-c", str(PGBENCH_CLIENTS),
                   "-T", str(seconds), "-l", f"--log-prefix={prefix}", "-h", self.socket_folder(),
                   "-D", f"n={int(time.time() * 1000) << 12}", "-U", name.replace("-", "_"),
                   *files, "clientele"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True)
        out, errors = process.communicate(timeout=seconds + 60)
        found = re.search(r"tps = ([\d.]+) \(without", out)
        failed = re.search(r"number of failed transactions: (\d+)", out)
        if process.returncode != 0 or not found or (failed and failed.group(1) != "0"):
            sys.exit(f"bench: pgbench failed\n{out}{errors}")
        log = f"{prefix}.{process.pid}"
        times = sorted(int(line.split()[2]) for line in open(log))
        os.remove(log)
        return float(found.group(1)), times[int(len(times) * 0.99)] / 1000


class Logged:
    """Has PostgreSQL log the statements of a service, and reads calls back."""

    WANTED = {"log_statement": "all", "log_parameter_max_length": "-1",
              "log_error_verbosity": "default"}
    # Further lines of an entry begin with a tab. What has no parameters, such as the announcement
    # after a commit, has no DETAIL and is no part of a call's transaction.
    TEXT = r"([^\n]*(?:\n\t[^\n]*)*)"
    ENTRY = re.compile(rf"LOG:  execute (s_\w+): {TEXT}\n[^\n]*DETAIL:  parameters: {TEXT}\n")

    def __init__(self, stack, name):
        self.stack, self.name = stack, name
        self.role = name.replace("-", "_")
        self.path = f"{stack.folder}/postgres/postgres.log"

    def __enter__(self):
        self.stack.psql("".join(f"alter role {self.role} set {name} = '{value}';"
                                for name, value in self.WANTED.items()))
        self.stack.restart(self.name)
        return self

    def __exit__(self, *_):
        self.stack.psql("".join(f"alter role {self.role} reset {name};" for name in self.WANTED))
        self.stack.restart(self.name)

    def calls(self, part, work, *more):
        """The statements of each call of the work that has the part, as [(SQL, parameters)]."""
        begun = os.path.getsize(self.path)
        self.stack.service(work, 16, *more, "--connections", "1", in_flight=1)
        # The last entry ends where the next begins.
        self.stack.psql("select pg_sleep(0.05)")
        with open(self.path, errors="replace") as file:
            file.seek(begun)
            text = file.read() + "\nend"
        calls, current = [], []
        for _, sql, parameters in self.ENTRY.findall(text):
            if "set_config('clientele.organization_id'" in sql:
                current = []
                calls.append(current)
            current.append((re.sub(r"\s+", " ", sql), parse_parameters(parameters)))
        found = [call for call in calls if any(part in sql.lower() for sql, _ in call)]
        if not found:
            sys.exit("bench: PostgreSQL logged no call; the log's format has changed")
        return found


def parse_parameters(text):
    """The parameters of a DETAIL line: `$1 = 'x', $2 = NULL`."""
    found = re.findall(r"\$\d+ = (NULL|'(?:[^']|'')*')", text)
    return [None if value == "NULL" else value[1:-1].replace("''", "'") for value in found]


def literal(text):
    if text is None:
        return "null"
    if text.startswith("\\x"):
        return f"'{text}'::bytea"
    return "'" + text.replace("'", "''") + "'"


def pgbench_script(call, change=None):
    """One pgbench script that runs the call's statements in one pipeline.

    - change: what to write for a UUID instead; nil leaves it.
    """
    lines = ["\\startpipeline"]
    for sql, parameters in call:
        def value(match):
            text = parameters[int(match.group(1)) - 1]
            if change and text is not None and UUID.fullmatch(text):
                return change(text) or literal(text)
            return literal(text)
        lines.append(re.sub(r"\$(\d+)", value, sql) + ";")
    lines.append("\\endpipeline")
    return "\n".join(lines) + "\n"


def asking(calls):
    """A script a call, with the parameters as such, so that PostgreSQL plans as for the service, and
    the values of the variables."""
    values, scripts = {}, []
    for number, call in enumerate(calls):
        lines = ["\\startpipeline"]
        for step, (sql, parameters) in enumerate(call):
            def value(match):
                text = parameters[int(match.group(1)) - 1]
                if not text:  # pgbench has no empty variables.
                    return literal(text)
                name = f"v{number}_{step}_{match.group(1)}"
                values[name] = text
                return ":" + name
            lines.append(re.sub(r"\$(\d+)", value, sql) + ";")
        scripts.append("\n".join(lines + ["\\endpipeline"]) + "\n")
    return scripts, values


def reading(call, organization, ids):
    """A script an id: the call as it would be for each."""
    return [pgbench_script(call, lambda text, id=id: None if text == organization else f"'{id}'")
            for id in ids]


def creating(calls):
    """One script that makes what two calls made, with fresh ids where those two differ.

    Fresh ids rise with time, as the services' own do.
    """
    def ids(call):
        return {text for _, parameters in call for text in parameters
                if text and UUID.fullmatch(text)}
    fixed, fresh = ids(calls[-2]) & ids(calls[-1]), {}

    def change(text):
        if text in fixed:
            return None
        number = fresh.setdefault(text, len(fresh) + 1)
        low = f"lpad(to_hex(:r{number}::bigint), 16, '0')"
        return f"(lpad(to_hex(:high::bigint), 16, '0') || {low})::uuid"
    script = pgbench_script(calls[-1], change)
    lines = ["\\set n :n + 1", "\\set high :n * 16 + :client_id"]
    lines += [f"\\set r{n} random(1, 9000000000000000000)" for n in fresh.values()]
    return "\n".join(lines) + "\n" + script


def rounds(name, count, ours, theirs):
    """Ratios of ours to theirs, in alternating rounds; who begins alternates too, since whatever a
    checkpoint leaves to be written whole is paid by whoever comes first."""
    pairs = []
    for number in range(count):
        if number % 2 == 0:
            mine = ours()
            pairs.append((mine, theirs()))
        else:
            other = theirs()
            pairs.append((ours(), other))
    ratios = [a / b for a, b in pairs]
    return {"name": name, "ratios": ratios, "median": statistics.median(ratios),
            "low": min(ratios), "high": max(ratios),
            "service": statistics.median(a for a, _ in pairs),
            "pgbench": statistics.median(b for _, b in pairs)}
