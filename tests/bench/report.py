# SPDX-License-Identifier: ISC
"""The figures as a table. Ratios are medians of the rounds' own ratios to the reference of the same work."""
from parts import BIG, BODILESS, EOM, MILTER, NULL, OURS, PLAIN, RCPT, SILENT, STRAW

# work: what its servers are compared with
REFERENCE = {RCPT: NULL, EOM: NULL, MILTER: SILENT, "ordinary mail": "GMime", "To of 64 KB": "GMime"}
ORDER = [NULL, STRAW, SILENT, PLAIN, BODILESS, "GMime", OURS, BIG]


def aim(work, server, connections):
    """The least ratio that this should reach, as (ratio, to which server)."""
    if (work, server) == (RCPT, OURS):
        return 0.8, NULL
    if (work, server) == (EOM, OURS):
        return 0.8 if connections == 1 else 0.5, NULL
    if (work, server) == (EOM, BIG):
        return 0.9, OURS
    if (work, server) == (MILTER, OURS):
        return 1.5, SILENT
    if work in ("ordinary mail", "To of 64 KB") and server == OURS:
        return 5.0, "GMime"
    return None, None


def latency_aim(work, server):
    """p99 in times of the reference's."""
    return 5.0 if (work, server) == (EOM, OURS) else None


def rows(results):
    """Keys in the order of the table."""
    works = [w for w in REFERENCE if any(k[0] == w for k in results.samples)]
    for work in works:
        keys = [k for k in results.samples if k[0] == work]
        yield from sorted(keys, key=lambda k: (k[2], ORDER.index(k[1]) if k[1] in ORDER else len(ORDER), k[1]))


def verdict(value, least):
    return "" if least is None or value is None else "met" if value >= least else "short"


def times(ratio):
    return "" if ratio is None else f"{ratio:.3f} x" if ratio < 0.1 else f"{ratio:.2f} x" if ratio < 10 else f"{ratio:.0f} x"


def door_row(results, key):
    work, server, connections = key
    least, of = aim(*key)
    reference = REFERENCE[work]
    ratio = results.ratio(key, reference) if server != reference else None
    aimed = results.ratio(key, of) if of else None
    p99 = results.ratio(key, reference, "p99_us") if latency_aim(work, server) else None
    goal = "" if least is None else f">= {least:.2f} x {'empty' if of == OURS else of}: {verdict(aimed, least)}"
    if of == OURS and aimed is not None:
        goal += f" ({times(aimed)})"
    if p99 is not None:
        goal += f"; p99 <= {latency_aim(work, server):.0f} x: {verdict(-p99, -latency_aim(work, server))} ({times(p99)})"
    m = {f: results.median(key, f) for f in ("rate", "p50_us", "p99_us", "max_us", "cpu_us")}
    cpu = f"{m['cpu_us']:.1f}" if m["cpu_us"] else ""
    return (f"| {work} | {connections} | {server} | {m['rate']:,.0f} | {times(ratio)} | {m['p50_us']:,.0f} | "
            f"{m['p99_us']:,.0f} | {m['max_us']:,.0f} | {cpu} | {goal} |")


def scan_row(results, key):
    work, server, _ = key
    least, of = aim(*key)
    ratio = results.ratio(key, of) if of else None
    goal = "" if ratio is None else f">= {least:.2f} x: {verdict(ratio, least)}"
    return (f"| {work} | {server} | {results.median(key, 'rate') / 1e6:,.0f} | {results.median(key, 'us'):,.1f} | "
            f"{times(ratio)} | {goal} |")


def fact_row(f):
    goal = ""
    if f["aim"] is not None:
        short = f["value"] > f["aim"] if f["most"] else f["value"] < f["aim"]
        goal = f"{'<=' if f['most'] else '>='} {f['aim']:,g}: {'short' if short else 'met'}"
    return f"| {f['what']} | {f['value']:,.4g} {f['unit']} | {goal} |" if f["value"] < 10000 else \
        f"| {f['what']} | {f['value']:,.0f} {f['unit']} | {goal} |"


def table(results, about):
    out = [f"{about['date']}, {about['machine']}, load {about['load']:.1f} before. Medians of {about['rounds']} interleaved"
           f" rounds of {about['seconds']:g} s, {about['transport']}, closed loop, one question outstanding a connection;"
           f" all rules of etc/ in force, {about['storms']:,} open storms; big store: {about['rows']:,} rows,"
           f" {about['counters']:,} counters.{' A smoke run: these figures mean nothing.' if about['quick'] else ''}", ""]
    keys = list(rows(results))
    doors = [k for k in keys if k[0] in (RCPT, EOM, MILTER)]
    scans = [k for k in keys if k not in doors]
    if doors:
        out += ["| work | connections | server | a second | ratio | p50 us | p99 us | max us | CPU us | aim |",
                "|---|---:|---|---:|---:|---:|---:|---:|---:|---|"] + [door_row(results, k) for k in doors] + [""]
    if scans:
        out += ["| header scan | by | MB/s | us | ratio | aim |", "|---|---|---:|---:|---:|---|"]
        out += [scan_row(results, k) for k in scans] + [""]
    if results.facts:
        out += ["| | | aim |", "|---|---:|---|"] + [fact_row(f) for f in results.facts] + [""]
    return "\n".join(out)
