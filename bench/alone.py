"""What is held against Sealpost itself: dead destinations, a long queue, idle sessions, many accounts."""
import dataclasses
import json
import re
import pathlib
import subprocess
import time
import types

import sealpost


@dataclasses.dataclass
class Bench:
    load: types.FunctionType
    load_program: pathlib.Path
    sink: object
    sink_class: type
    sink_port: int
    port: int
    chosen: object
    progress: types.FunctionType


def line(what, have, demand, good):
    return {"what": what, "have": have, "demand": demand, "good": good}


class Running:
    """A Sealpost of its own, stopped at the end."""

    def __init__(self, bench, kind, **how):
        self.relay = sealpost.Sealpost(kind, bench.port, bench.sink_port, **how)

    def __enter__(self):
        self.relay.start(None)
        return self.relay

    def __exit__(self, *_):
        self.relay.stop()


def beside(bench, relay, others, count):
    """Delivered a second of healthy mail while as much goes to the other domains."""
    had = bench.sink.count()
    each = count // len(others)
    words = [bench.load_program, "--to", "127.0.0.1:%d" % relay.port, "--messages", str(each), "--connections", "5", *relay.login()]
    loads = [subprocess.Popen([*words, "--recipient", "anna@" + domain], stdout=subprocess.PIPE) for domain in others]
    began = time.monotonic()
    bench.load(relay.port, count, ["--connections", "10", *relay.login()])
    healthy = count + sum(each for domain in others if domain in ("rcpt.test", "other.test"))
    for one in loads:
        one.communicate()
    bench.sink.wait(had + healthy)
    return (time.monotonic() - began) / count


def dead_destinations(bench):
    """As much mail each time; half of it, then, to domains that do not answer."""
    count = max(200, bench.chosen.messages // 2)
    tarpit = bench.sink_class("127.0.0.3", "--tarpit")
    ratios = []
    try:
        for number in range(bench.chosen.rounds):
            bench.progress("B4: round %d of %d" % (number + 1, bench.chosen.rounds))
            with Running(bench, "B3") as relay:
                bench.load(relay.port, 100, relay.login())
                healthy = beside(bench, relay, ["other.test", "other.test"], count)
                ratios.append(healthy / beside(bench, relay, ["dead.test", "tarpit.test"], count))
    finally:
        tarpit.stop()
    have = sorted(ratios)[len(ratios) // 2]
    return [line("healthy half's rate with the other half dead or a tarpit", "%.0f %%" % (100 * have), "at least 95 %", have >= 0.95)]


def long_queue(bench):
    queued = bench.chosen.queued
    count = max(200, bench.chosen.messages * 2)  # some seconds each
    small = ["--size", "1024"]
    with Running(bench, "B3") as relay:
        bench.load(relay.port, 200, small + relay.login())
        empty = [bench.load(relay.port, count, small + relay.login())["rate"] for _ in range(3)]
        bench.progress("B5: %d messages into the queue" % queued)
        bench.load(relay.port, queued, [*small, "--recipient", "anna@dead.test", "--connections", "100", *relay.login()])
        time.sleep(1)
        full = [bench.load(relay.port, count, small + relay.login())["rate"] for _ in range(3)]
        memory = relay.measured()["queue0"][2]
        relay.halt()
        had = bench.sink.count()
        relay.start(None)
        began = time.monotonic() - relay.start_seconds
        bench.load(relay.port, 1, small + relay.login())
        bench.sink.wait(had + 1)
        first = time.monotonic() - began
    have = sorted(full)[1] / sorted(empty)[1]
    return [
        line("accept rate with %d messages queued, against empty" % queued, "%.0f %%" % (100 * have), "at least 90 %", have >= 0.9),
        line("memory of the queue with them", "%d MiB" % (memory // 1024), "at most 256", memory <= 256 * 1024),
        line("start to first delivery with them", "%.2f s" % first, "at most 2 s", first <= 2),
    ]


def long_history(bench):
    """The rate at the beginning, and behind so many messages that ended."""
    count = max(200, bench.chosen.messages * 2)
    small = ["--size", "1024"]
    with Running(bench, "B3") as relay:
        bench.load(relay.port, 200, small + relay.login())

        def rates():
            return sorted(bench.load(relay.port, count, small + relay.login())["rate"] for _ in range(3))

        before = rates()
        bench.progress("history: %d messages" % bench.chosen.ended)
        bench.load(relay.port, bench.chosen.ended, [*small, "--connections", "100", *relay.login()])
        time.sleep(2)
        after = rates()
    have = after[1] / before[1]
    return [line("accept rate with %d messages in the history, against none" % bench.chosen.ended, "%.0f %%" % (100 * have), "at least 90 %", have >= 0.9)]


def counter(relay, name):
    api = relay.api()
    api.request("GET", "/metrics")
    return int(re.search(r"^%s(?:{[^}]*})? (\d+)" % name, api.getresponse().read().decode(), re.M)[1])


def compaction(bench):
    """One message in eight stays, so that every segment is compacted after a while: the rate before the first is, 10 s
    after the start, and while others are."""
    count = max(200, bench.chosen.messages * 10)  # some seconds
    ratios, compacted = [], 0

    def rate(relay):
        had = bench.sink.count()
        words = [bench.load_program, "--to", "127.0.0.1:%d" % relay.port, "--messages", str(count // 8), "--connections", "3", *relay.login()]
        began = time.monotonic()
        eighth = subprocess.Popen([*words, "--recipient", "anna@dead.test"], stdout=subprocess.PIPE)
        bench.load(relay.port, count, relay.login())
        eighth.communicate()
        bench.sink.wait(had + count)
        return count / (time.monotonic() - began)

    for number in range(bench.chosen.rounds):
        bench.progress("compaction: round %d of %d" % (number + 1, bench.chosen.rounds))
        with Running(bench, "B3") as relay:
            bench.load(relay.port, 400, relay.login())
            without = rate(relay)
            if counter(relay, "sealpost_journal_compactions_total") > 0:
                continue  # too slow to be without
            while counter(relay, "sealpost_journal_compactions_total") == 0:
                rate(relay)
            had = counter(relay, "sealpost_journal_compactions_total")
            ratios.append(rate(relay) / without)
            compacted += counter(relay, "sealpost_journal_compactions_total") - had
    if not ratios:
        return [line("rate while segments are compacted", "-", "at least 90 %", False)]
    have = sorted(ratios)[len(ratios) // 2]
    what = "rate while segments are compacted (%d in all), against before" % compacted
    return [line(what, "%.0f %%" % (100 * have), "at least 90 %", have >= 0.9 and compacted > 0)]


def private_kib(relay):
    """What the submission rooms have for themselves."""
    total = 0
    for room, pid in relay.rooms().items():
        if room.startswith("submission"):
            text = pathlib.Path("/proc/%d/status" % pid).read_text()
            total += int(re.search(r"^RssAnon:\s*(\d+)", text, re.M).group(1))
    return total


def idle_sessions(bench):
    count = bench.chosen.sessions
    with Running(bench, "B1") as relay:
        bench.load(relay.port, 100, ["--tls", *relay.login()])
        before = private_kib(relay)
        bench.progress("B6: %d sessions" % count)
        words = [str(bench.load_program), "--to", "127.0.0.1:%d" % relay.port, "--tls", "--hold", "--connections", str(count), *relay.login()]
        load = subprocess.Popen(["sh", "-c", 'ulimit -n $(ulimit -Hn); exec "$@"', "sh", *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        held = int(load.stdout.readline().split()[1])
        have = (private_kib(relay) - before) / max(1, held)
        load.communicate(b"\n")
    return [line("memory of an idle TLS session, logged in, %d held" % held, "%.1f KiB" % have, "at most 60", held == count and have <= 60)]


def fill(bench, relay, count, active):
    """Accounts and domains, each with a key; all domains have one key of ours, which is made once."""
    key = sealpost.run("openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048")
    api = relay.api()

    def post(path, body):
        api.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        answer = api.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise SystemExit("%s: %d %s" % (path, answer.status, text.decode()))

    for number in range(count):
        if number % 500 == 0:
            bench.progress("B9: %d of %d accounts and domains" % (number, count))
        name = "d%d.example.com" % number if number < active else "d%d.unused.test" % number
        post("/v1/accounts", {"account": "customer%d@mycorp.se" % number})
        post("/v1/domains", {"domain": name, "key": key, "selector": "elastx"})


def many_accounts(bench):
    count = bench.chosen.accounts
    active = min(1000, count)
    rates = {}
    with Running(bench, "B1") as relay:
        words = ["--tls", *relay.login()]
        bench.load(relay.port, 400, words)
        rates["few"] = [bench.load(relay.port, bench.chosen.messages, words)["rate"] for _ in range(bench.chosen.rounds)]
        fill(bench, relay, count, active)
        first = relay.command("domain", "records", "d0.example.com", "--account", sealpost.ACCOUNT, "--format", "zone")
        zone = relay.zones["example.com"]
        origin = first[first.index("$ORIGIN") :].split("\n", 1)[0] if "$ORIGIN" in first else ""
        rows = [row for row in first.splitlines() if row and not row.startswith(("$", ";"))]
        for number in range(active):
            zone += "\n$ORIGIN d%d.example.com.\n" % number + "\n".join(rows).replace("d0.example.com", "d%d.example.com" % number)
        relay.zones["example.com"] = zone + "\n"
        relay.write_zones()
        relay.halt()
        relay.start(None)
        start = relay.start_seconds
        many = [*words, "--domains", str(active)]
        bench.load(relay.port, 4 * active, many)  # each process has heard of each domain
        rates["many"] = [bench.load(relay.port, bench.chosen.messages, many)["rate"] for _ in range(bench.chosen.rounds)]
    have = sorted(rates["many"])[bench.chosen.rounds // 2] / sorted(rates["few"])[bench.chosen.rounds // 2]
    return [
        line("B1's rate with %d accounts and domains, %d active, against one" % (count, active), "%.0f %%" % (100 * have), "at least 90 %", have >= 0.9),
        line("start with them", "%.2f s" % start, "at most 2 s", start <= 2),
    ]


KINDS = {
    "B4": dead_destinations,
    "B5": long_queue,
    "B6": idle_sessions,
    "B9": many_accounts,
    "history": long_history,
    "compaction": compaction,
}
