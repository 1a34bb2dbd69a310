# SPDX-License-Identifier: ISC
"""The ratios as a picture: one band a server, one line in it for each number of connections, on a logarithmic axis
with the reference at 1. A tick stands where a ratio should be at least."""
import math
from xml.sax.saxutils import escape

from report import REFERENCE, aim, rows

THEMES = {
    "light": {"paper": "#ffffff", "ink": "#1f2328", "soft": "#59636e", "grid": "#d8dee4", "aim": "#b3261e",
              "dots": ["#0b5cad", "#2f8f4e", "#b35c00"]},
    "dark": {"paper": "#0d1117", "ink": "#e6edf3", "soft": "#9198a1", "grid": "#30363d", "aim": "#ff7b72",
             "dots": ["#58a6ff", "#56d364", "#ffa657"]},
}
LEFT, RIGHT, TOP, WIDTH, LINE, GAP = 300, 60, 86, 860, 16, 16
FONT = "font-family='system-ui, sans-serif'"


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
    t, found = THEMES[theme], bands(results)
    values = [v for _, _, lines in found for _, ratio, least in lines for v in (ratio, least) if v] + [0.5, 2]
    low = 10 ** math.floor(math.log10(min(values)))
    high = 10 ** math.ceil(math.log10(max(values)))
    counts = sorted({c for _, _, lines in found for c, _, _ in lines if c})
    height = TOP + sum(len(lines) * LINE + GAP for _, _, lines in found) + 54

    def x(v):
        return LEFT + (WIDTH - LEFT - RIGHT) * (math.log(v) - math.log(low)) / (math.log(high) - math.log(low))

    def text(at, y, what, colour="ink", size=13, anchor="start", more=""):
        return (f"<text x='{at:.1f}' y='{y:.1f}' fill='{t[colour]}' font-size='{size}' text-anchor='{anchor}' {FONT}"
                f"{more}>{escape(what)}</text>")

    def dot(at, y, connections):
        return f"<circle cx='{at:.1f}' cy='{y:.1f}' r='5' fill='{colour_of(t, counts, connections)}'/>"

    out = [f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height}' width='{WIDTH}' height='{height}' "
           f"role='img'><title>Throughput in times of the reference</title>",
           f"<rect width='{WIDTH}' height='{height}' fill='{t['paper']}'/>",
           text(16, 26, "Throughput in times of the reference", size=17, more=" font-weight='600'"),
           text(16, 46, "The reference of a door is a server that only answers; that of the scanner is GMime.", "soft")]
    at = 16
    for c in counts:
        out += [dot(at + 5, 64, c), text(at + 15, 68, f"{c} connection{'s' if c > 1 else ''}", "soft")]
        at += 140
    out += [f"<line x1='{at + 5}' x2='{at + 5}' y1='57' y2='71' stroke='{t['aim']}' stroke-width='3'/>",
            text(at + 15, 68, "aim: at least", "soft")]
    for decade in range(round(math.log10(low)), round(math.log10(high)) + 1):
        for step in (1, 2, 5) if high / low < 5000 else (1,):
            v = step * 10 ** decade
            if v > high:
                continue
            one = abs(v - 1) < 1e-9
            out.append(f"<line x1='{x(v):.1f}' x2='{x(v):.1f}' y1='{TOP - 6}' y2='{height - 42}' stroke="
                       f"'{t['soft' if one else 'grid']}' stroke-width='{1.5 if one else 1}'/>")
            out.append(text(x(v), height - 26, f"{v:g}", "ink" if one else "soft", 12, "middle"))
    y, last = TOP, None
    for work, server, lines in found:
        top = y
        for connections, ratio, least in lines:
            y += LINE
            middle = y - LINE / 2
            out.append(f"<line x1='{x(1):.1f}' x2='{x(ratio):.1f}' y1='{middle}' y2='{middle}' stroke="
                       f"'{colour_of(t, counts, connections)}' stroke-width='2' opacity='0.45'/>")
            if least:
                out.append(f"<line x1='{x(least):.1f}' x2='{x(least):.1f}' y1='{middle - 7}' y2='{middle + 7}' "
                           f"stroke='{t['aim']}' stroke-width='3'/>")
            side = 9 if ratio >= 1 else -9
            out += [dot(x(ratio), middle, connections),
                    text(x(ratio) + side, middle + 4, f"{ratio:.2g}" if ratio < 1 else f"{ratio:.1f}", "soft", 11,
                         "start" if side > 0 else "end",
                         f" stroke='{t['paper']}' stroke-width='3' paint-order='stroke'")]
        middle = (top + y) / 2
        out.append(text(16, middle + 4, work if work != last else "", size=13))
        out.append(text(LEFT - 14, middle + 4, server, "soft", 12, "end"))
        y, last = y + GAP, work
    out.append(text(16, height - 6, f"{about['date']}, {about['machine']}, {about['transport']}; medians of "
                    f"{about['rounds']} rounds", "soft", 11))
    return "\n".join([*out, "</svg>", ""])


def colour_of(theme, counts, connections):
    return theme["dots"][counts.index(connections) % 3] if connections in counts else theme["soft"]
