# SPDX-License-Identifier: ISC
"""What the simulations draw: how far a storm spreads, and a day's traffic."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import svg  # noqa: E402

WIDTH = 860


def short(n):
    """1000000 -> 1M"""
    for size, letter in ((1000000, "M"), (1000, "k")):
        if n >= size:
            return "%g%s" % (n / size, letter)
    return "%g" % n


def key(p, at, y, colour, text, more=""):
    """An entry of the legend; returns where the next one may stand."""
    p.line(at, y - 4, at + 22, y - 4, colour, 2.5, more)
    p.text(at + 28, y, text, "soft", 12)
    return at + 28 + 7 * len(text) + 22


# --- how far a storm spreads ----------------------------------------------------------------------------------------

def spread(rows, runs, plan, theme):
    p = svg.Picture(WIDTH, 500, theme, "How far a storm spreads")
    people = plan.sites * plan.people
    p.text(16, 46, "Copies of one letter to %d people at %d sites, by the share of sites that run policyd-storm." % (
        people, plan.sites), "soft")
    counts = sorted({r["faulty"] for r in rows})
    at = 16
    for n, count in enumerate(counts):
        p.dot(at + 11, 66, n, 4)
        at = key(p, at, 70, n, "%d faulty servers" % count)
    p.dot(at + 8, 66, "soft", 2.5, " opacity='0.6'")
    p.text(at + 18, 70, "one seed; lines: their median", "soft", 12)
    low, high = people * 0.4, plan.cap * 2
    for n, (way, what) in enumerate((("in", "policyd-storm judges what comes to a site"),
                                     ("in and out", "... and what its own faulty server sends"))):
        left = 70 + n * 400
        x = svg.Axis(0, 100, left, left + 350)
        y = svg.Axis(low, high, 430, 130, log=True)
        p.grid(x, y, "sites protected, %", "copies sent", lambda v: "%g" % v, short)
        p.text(left, 102, what, "ink", 13, more=" font-weight='600'")
        p.line(x.at, y(plan.cap), x.to, y(plan.cap), "aim", 1.5, " stroke-dasharray='6 4'")
        p.label(x.to, y(plan.cap) - 5, "ended by hand, still alive", "aim", 11, "end")
        p.line(x.at, y(people), x.to, y(people), "soft", 1, " stroke-dasharray='2 3'")
        p.label(x.at + 6, y(people) + 13, "one copy each", "soft", 11)
        for k, count in enumerate(counts):
            for r in runs:
                if (r["way"], r["faulty"]) == (way, count):
                    p.dot(x(r["share"] * 100) + 3 * (k - 1), y(r["sent"]), k, 2.5, " opacity='0.55'")
            p.trail([(x(r["share"] * 100), y(r["sent"])) for r in rows if (r["way"], r["faulty"]) == (way, count)], k, 2.5)
    p.text(16, 490, "The real engine at each protected site; a run ends after %s copies or 72 hours. Copies that were sent, "
           "whether they arrived or not." % short(plan.cap), "soft", 11)
    return p.done()


# --- a day's traffic ------------------------------------------------------------------------------------------------

def steps(x, y, values):
    """The outline of a value an hour."""
    points = []
    for n, v in enumerate(values):
        points += [(x(n), y(v)), (x(n + 1), y(v))]
    return points


def traffic(without, day, theme):
    p = svg.Picture(WIDTH, 450, theme, "A list that bounces to itself: one day of a mail server")
    p.text(16, 46, "At 09:30 somebody outside writes to a list that is its own return path and has two dead members.",
           "soft")
    a, b, rest = ([sum(h.values()) for h in without["hours"]], [sum(h.values()) for h in day["hours"]],
                  [h["ordinary"] for h in without["hours"]])
    x = svg.Axis(0, 24, 70, 830)
    y = svg.Axis(0, max(a) * 1.12, 370, 110)
    p.grid(x, y, "hour of the day", "messages an hour", lambda v: "%g" % v, short, range(0, 25, 3))
    at = key(p, 16, 76, "aim", "without policyd-storm: %s" % format(without["messages"], ","))
    at = key(p, at, 76, 0, "with it: %s" % format(day["messages"], ","))
    key(p, at, 76, "soft", "ordinary mail that got through without it", " stroke-dasharray='5 4'")
    line = steps(x, y, a)
    p.area([(x(0), y(0)), *line, (x(24), y(0))], "aim", 0.12)
    p.trail(line, "aim", 2.5)
    p.trail(steps(x, y, rest), "soft", 1.5, " stroke-dasharray='5 4'")
    line = steps(x, y, b)
    p.area([(x(0), y(0)), *line, (x(24), y(0))], 0, 0.18)
    p.trail(line, 0, 2.5)
    p.text(16, 426, "A simulated day; with the daemon each message is judged by the real engine. Without it the server works off "
           "its queue at full speed,", "soft", 11)
    p.text(16, 441, "ordinary mail waits up to %.1f hours, and %s messages are left at midnight." % (
        without["ordinary_waited_seconds"] / 3600, format(without["waiting_at_midnight"], ",")), "soft", 11)
    return p.done()
