"""Measures GetClient and CreateClient of the running service against pgbench with the same statements.

Everything runs on this machine in one go: a stack of its own (`clientele dev`, release build), then
rounds that alternate between the service and pgbench, so that both meet the same conditions. The
statements are not written down here: PostgreSQL logs those of one call, with their parameters, and
pgbench repeats them in one pipeline, with fresh ids where the call had fresh ones.

usage: services.py [--rounds N] [--json FILE] [--check]
"""

import argparse
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
RUN = ".run/bench/stack"
PORTS = {"gateway": 18080, "identity": 15051, "organization": 15052, "client-directory": 15053,
         "messaging": 15054}
IN_FLIGHT = 64
PGBENCH_CLIENTS = 16
SECONDS = 5
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def socket_folder():
    command = ["scripts/postgres.sh", "host", f"{RUN}/postgres"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def psql(statement, user="postgres"):
    command = ["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-h", socket_folder(), "-U", user,
               "-d", "clientele", "-c", statement]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


class Stack:
    """The services, from `clientele dev`."""

    def __enter__(self):
        command = [f"{BIN}/clientele", "dev", "--directory", RUN]
        for name, port in PORTS.items():
            command += [f"--{name}-port", str(port)]
        self.log = open(f"{RUN}-dev.log", "w")
        # One process a service: the other processor is for those who ask.
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log,
                                        stdin=subprocess.DEVNULL,
                                        env=os.environ | {"CLIENTELE_PROCESSES": "1"})
        wait("the stack", lambda: "Clientele is up." in open(self.log.name).read(), self.process)
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        self.log.close()

    def pid(self, name):
        return int(open(f"{RUN}/pids/{name}.pid").read())

    def restart(self, name):
        """Ends a service; the supervisor starts it again, with fresh connections."""
        old = self.pid(name)
        os.kill(old, signal.SIGTERM)
        def fresh():
            try:
                return self.pid(name) != old and healthy()
            except (OSError, ValueError):
                return False
        wait(f"{name} again", fresh, self.process)


def healthy():
    try:
        url = f"http://127.0.0.1:{PORTS['gateway']}/healthz"
        return urllib.request.urlopen(url, timeout=2).status == 200
    except OSError:
        return False


def wait(what, condition, process, seconds=120):
    limit = time.monotonic() + seconds
    while not condition():
        if process.poll() is not None or time.monotonic() > limit:
            sys.exit(f"bench: waited in vain for {what}; see {RUN}-dev.log")
        time.sleep(0.1)


def service(work, calls, *more):
    """Runs service-bench; answers what it printed."""
    command = [f"{BIN}/service-bench", work, "--identity", f"127.0.0.1:{PORTS['identity']}",
               "--client-directory", f"127.0.0.1:{PORTS['client-directory']}",
               "--pki", f"{RUN}/pki", "--in-flight", str(IN_FLIGHT), "--calls", str(calls), *more]
    return subprocess.run(command, check=True, capture_output=True, text=True,
                          timeout=300).stdout.strip()


def per_second(work, calls):
    return json.loads(service(work, calls).splitlines()[-1])["callsPerSecond"]


def logged_pipeline(stack, work):
    """The statements of one call of the work, as (SQL, [parameter or None]) in order."""
    wanted = {"log_statement": "all", "log_parameter_max_length": "-1",
              "log_error_verbosity": "default"}
    for name, value in wanted.items():
        psql(f"alter role client_directory set {name} = '{value}'")
    stack.restart("client-directory")
    log = f"{RUN}/postgres/postgres.log"
    # The statement is prepared by the first call; the last one counts.
    begun = os.path.getsize(log)
    service(work, 3, "--in-flight", "1", "--connections", "1")
    text = open(log).read()[begun:]
    for name in wanted:
        psql(f"alter role client_directory reset {name}")
    stack.restart("client-directory")
    entry = re.compile(
        r"LOG:  execute (s_\w+): (.*?)\n[^\n]*DETAIL:  parameters: (.*?)\n(?=\S)", re.S)
    calls, current = [], []
    for _, sql, parameters in entry.findall(text):
        if "set_config('clientele.organization_id'" in sql:
            current = []
            calls.append(current)
        current.append((re.sub(r"\s+", " ", sql), parse_parameters(parameters)))
    part = "insert into clients" if work == "create" else "from clients c"
    matching = [call for call in calls if any(part in sql.lower() for sql, _ in call)]
    if not matching:
        sys.exit("bench: PostgreSQL logged no call; the log's format has changed")
    return matching[-1]


def parse_parameters(text):
    """The parameters of a DETAIL line: `$1 = 'x', $2 = NULL`."""
    found = re.findall(r"\$\d+ = (NULL|'(?:[^']|'')*')", text)
    return [None if value == "NULL" else value[1:-1].replace("''", "'") for value in found]


def pgbench_script(call, organization, ids, index):
    """One pgbench script that runs the call's statements in one pipeline."""
    fixed = {organization}
    fresh, lines = {}, ["\\startpipeline"]
    for sql, parameters in call:
        def value(match):
            text = parameters[int(match.group(1)) - 1]
            if text is None:
                return "null"
            if UUID.fullmatch(text) and text not in fixed and not ids:
                number = fresh.setdefault(text, len(fresh) + 1)
                return f"lpad(to_hex(:r{number}::bigint), 32, '0')::uuid"
            if UUID.fullmatch(text) and text not in fixed:
                text = ids[index % len(ids)]
            if text.startswith("\\x"):
                return f"'{text}'::bytea"
            return "'" + text.replace("'", "''") + "'"
        lines.append(re.sub(r"\$(\d+)", value, sql) + ";")
    lines.append("\\endpipeline")
    randoms = [f"\\set r{n} random(1, 9000000000000000000)" for n in fresh.values()]
    return "\n".join(randoms + lines) + "\n"


def pgbench(scripts):
    """Transactions per second of pgbench over the scripts."""
    files = []
    for number, script in enumerate(scripts):
        path = f"{RUN}/pgbench-{number}.sql"
        open(path, "w").write(script)
        files += ["-f", path]
    command = ["pgbench", "-n", "-M", "prepared", "-j", "1", "-c", str(PGBENCH_CLIENTS),
               "-T", str(SECONDS), "-h", socket_folder(), "-U", "client_directory", *files,
               "clientele"]
    printed = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS + 60)
    found = re.search(r"tps = ([\d.]+) \(without", printed.stdout)
    failed = re.search(r"number of failed transactions: (\d+)", printed.stdout)
    if printed.returncode != 0 or not found or (failed and failed.group(1) != "0"):
        sys.exit(f"bench: pgbench failed\n{printed.stdout}{printed.stderr}")
    return float(found.group(1))


def resident(pid):
    """Resident memory of a process in MiB."""
    for line in open(f"/proc/{pid}/status"):
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def rounds(name, count, ours, theirs):
    """Ratios of ours to theirs, in alternating rounds."""
    pairs = [(ours(), theirs()) for _ in range(count)]
    ratios = [a / b for a, b in pairs]
    return {"name": name, "ratios": ratios, "median": statistics.median(ratios),
            "low": min(ratios), "high": max(ratios),
            "service": statistics.median(a for a, _ in pairs),
            "pgbench": statistics.median(b for _, b in pairs)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", default="")
    parser.add_argument("--check", action="store_true",
                        help="fail below the targets: GetClient 0.80 of pgbench, 60 MiB at rest")
    options = parser.parse_args()
    os.makedirs(RUN, exist_ok=True)
    results = []
    with Stack() as stack:
        idle = {name: resident(stack.pid(name)) for name in PORTS}
        service("create", 2000)
        organization, *ids = service("get", 1, "--list-only").splitlines()
        get = logged_pipeline(stack, "get")
        create = logged_pipeline(stack, "create")
        get_scripts = [pgbench_script(get, organization, ids, index) for index in range(len(ids))]
        create_scripts = [pgbench_script(create, organization, [], 0)]
        results.append(rounds("GetClient", options.rounds, lambda: per_second("get", 60000),
                              lambda: pgbench(get_scripts)))
        results.append(rounds("CreateClient", options.rounds, lambda: per_second("create", 6000),
                              lambda: pgbench(create_scripts)))
        with_email = per_second("create-with-email", 1000)
    print(f"{'':22} {'ratio':>7} {'lowest':>7} {'highest':>7}   at {IN_FLIGHT} in flight, "
          f"pgbench -M prepared -c {PGBENCH_CLIENTS}")
    for row in results:
        print(f"{row['name']:22} {row['median']:7.2f} {row['low']:7.2f} {row['high']:7.2f}")
    ratio = with_email / results[1]["service"]
    print(f"{'CreateClient + e-mail':22} {ratio:7.2f}                   of CreateClient without")
    for name, size in idle.items():
        print(f"{name:22} {size:7.1f} MiB resident at rest")
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"calls": results, "createWithEmail": with_email, "restMiB": idle}, file,
                      indent=2)
    if options.check and (results[0]["median"] < 0.80 or max(idle.values()) > 60):
        sys.exit("bench: below the targets")


main()
