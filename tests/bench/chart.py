# SPDX-License-Identifier: ISC
"""The ratios as a picture: one band a server, one line in it for each number of connections, on a logarithmic axis
with the reference at 1. A tick stands where a ratio should be at least."""
import math
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import svg as pictures  # noqa: E402
from report import REFERENCE, aim, rows  # noqa: E402

LEFT, RIGHT, TOP, WIDTH, LINE, GAP = 300, 60, 86, 860, 16, 16


def bands(results):
    """(work, server, [(connections, ratio, aim)]) of all that has a reference."""
    found = {}
    for key in rows(results):
        work, server, connections = key
        ratio = results.ratio(key, REFERENCE[work])
        if server == REFERENCE[work] or ratio is None:
            continue
        least, of = aim(*key)
        found.setdefault((work, server), []).append((connections, ratio, least if of == REFERENCE[work] else None))
    return [(work, server, lines) for (work, server), lines in found.items()]


def svg(results, about, theme):
    found = bands(results)
    values = [v for _, _, lines in found for _, ratio, least in lines for v in (ratio, least) if v] + [0.5, 2]
    low = 10 ** math.floor(math.log10(min(values)))
    high = 10 ** math.ceil(math.log10(max(values)))
    counts = sorted({c for _, _, lines in found for c, _, _ in lines if c})
    height = TOP + sum(len(lines) * LINE + GAP for _, _, lines in found) + 54
    x = pictures.Axis(low, high, LEFT, WIDTH - RIGHT, log=True)
    p = pictures.Picture(WIDTH, height, theme, "Throughput in times of the reference")
    p.text(16, 46, "The reference of a door is a server that only answers; that of the scanner is GMime.", "soft")
    legend(p, counts)
    grid(p, x, height)
    y, last = TOP, None
    for work, server, lines in found:
        top = y
        for connections, ratio, least in lines:
            y += LINE
            bar(p, x, y - LINE / 2, ratio, least, colour_of(counts, connections))
        middle = (top + y) / 2
        p.text(16, middle + 4, work if work != last else "", size=13)
        p.text(LEFT - 14, middle + 4, server, "soft", 12, "end")
        y, last = y + GAP, work
    p.text(16, height - 6, f"{about['date']}, {about['machine']}, {about['transport']}; medians of "
           f"{about['rounds']} rounds", "soft", 11)
    return p.done()


def legend(p, counts):
    at = 16
    for c in counts:
        p.dot(at + 5, 64, colour_of(counts, c))
        p.text(at + 15, 68, f"{c} connection{'s' if c > 1 else ''}", "soft")
        at += 140
    p.line(at + 5, 57, at + 5, 71, "aim", 3)
    p.text(at + 15, 68, "aim: at least", "soft")


def grid(p, x, height):
    for decade in range(round(math.log10(x.low)), round(math.log10(x.high)) + 1):
        for step in (1, 2, 5) if x.high / x.low < 5000 else (1,):
            v = step * 10 ** decade
            if v > x.high:
                continue
            one = abs(v - 1) < 1e-9
            p.line(x(v), TOP - 6, x(v), height - 42, "soft" if one else "grid", 1.5 if one else 1)
            p.text(x(v), height - 26, f"{v:g}", "ink" if one else "soft", 12, "middle")


def bar(p, x, y, ratio, least, colour):
    p.line(x(1), y, x(ratio), y, colour, 2, " opacity='0.45'")
    if least:
        p.line(x(least), y - 7, x(least), y + 7, "aim", 3)
    side = 9 if ratio >= 1 else -9
    p.dot(x(ratio), y, colour)
    p.label(x(ratio) + side, y + 4, f"{ratio:.2g}" if ratio < 1 else f"{ratio:.1f}",
            anchor="start" if side > 0 else "end")


def colour_of(counts, connections):
    return counts.index(connections) % 3 if connections in counts else "soft"
