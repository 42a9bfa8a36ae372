"""Measures GetClient and CreateClient of the running services against pgbench with the same
statements, in rounds that alternate between the two, so that both meet the same conditions.

usage: services.py [--rounds N] [--json FILE] [--check]
"""

import argparse
import json
import sys

from stack import PGBENCH_CLIENTS, SERVICES, Stack, creating, reading, rounds

IN_FLIGHT = 64
SECONDS = 5


def compare(stack, count, identifier="admin@demo.example", creator=None, gets=60000, creates=6000,
            seconds=SECONDS):
    """GetClient and CreateClient against pgbench; the calls a second of CreateClient with e-mail.

    - creator: who creates, so that nothing is added to what others measure.
    """
    who, maker = ["--identifier", identifier], ["--identifier", creator or identifier]
    organization, *ids = stack.service("get", 1, "--list-only", *who).splitlines()
    with stack.logging("client-directory") as log:
        get = log.calls("from clients c", "get", *who)[-1]
        create = creating(log.calls("insert into clients", "create", *maker))
    get = reading(get, organization, ids)

    def ours(work, calls):
        asker = who if work == "get" else maker
        return lambda: stack.measured(work, calls, *asker, in_flight=IN_FLIGHT)["callsPerSecond"]

    def theirs(scripts):
        return lambda: stack.pgbench("client-directory", scripts, seconds)[0]
    rows = [rounds("GetClient", count, ours("get", gets), theirs(get)),
            rounds("CreateClient", count, ours("create", creates), theirs([create]))]
    return rows, ours("create-with-email", max(200, creates // 20))()


def tell(rows, with_email):
    print(f"{'':22} {'ratio':>7} {'lowest':>7} {'highest':>7}   at {IN_FLIGHT} in flight, "
          f"pgbench -M prepared -c {PGBENCH_CLIENTS}")
    for row in rows:
        print(f"{row['name']:22} {row['median']:7.2f} {row['low']:7.2f} {row['high']:7.2f}")
    ratio = with_email / rows[1]["service"]
    print(f"{'CreateClient + e-mail':22} {ratio:7.2f}                   of CreateClient without")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", default="")
    parser.add_argument("--check", action="store_true",
                        help="fail below the targets: GetClient 0.80 of pgbench, 60 MiB at rest")
    options = parser.parse_args()
    with Stack(".run/bench/stack", 18080) as stack:
        idle = {name: stack.resident(name) for name in SERVICES}
        stack.service("create", 2000)
        rows, with_email = compare(stack, options.rounds)
    tell(rows, with_email)
    for name, size in idle.items():
        print(f"{name:22} {size:7.1f} MiB resident at rest")
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"calls": rows, "createWithEmail": with_email, "restMiB": idle}, file,
                      indent=2)
    if options.check and (rows[0]["median"] < 0.80 or max(idle.values()) > 60):
        sys.exit("bench: below the targets")


if __name__ == "__main__":
    main()
