# SPDX-License-Identifier: ISC
"""Stories x mail servers: what became of each test of test_stories.py, as text and as JSON."""

import json
import os

ROWS = {}     # test's name -> what it shows
COLUMNS = {}  # class -> what it stands for
CELLS = {}    # (test's name, class) -> word
FIGURES = {}  # (test's name, class) -> {what was counted: number}


def note(test, word):
    """A test that is no story is not in the table. What failed once has failed."""
    if type(test).__module__ != "test_stories":
        return
    row, column = test._testMethodName, type(test).__name__
    ROWS[row] = test.shortDescription() or row
    COLUMNS[column] = (type(test).__doc__ or column).split("\n")[0]
    if CELLS.get((row, column)) != "FAIL":
        CELLS[row, column] = word
    if getattr(test, "figures", None):
        FIGURES[row, column] = test.figures


def _lines(width, heads, rows):
    for name, cells in rows:
        yield name.ljust(width) + "".join("  " + str(c).rjust(len(h)) for c, h in zip(cells, heads))


def text(versions, full):
    """`versions`: {"Postfix": "3.7.11"} and so on."""
    columns = sorted(COLUMNS, key=lambda c: (not c.startswith("Postfix"), c))
    heads = [c.replace("Postfix", "P. ") if c != "Postfix" else c for c in columns]
    width = max(len(r) for r in ROWS.values())
    out = ["Stories x mail servers, %s form" % ("full" if full else "short"), "",
           ", ".join("%s %s" % v for v in versions.items())]
    out += ["  %s  %s" % (h.ljust(max(len(h) for h in heads)), COLUMNS[c]) for h, c in zip(heads, columns)]
    out += ["", *_lines(width, heads, [("", heads)])]
    out += _lines(width, heads, [(ROWS[r], [CELLS.get((r, c), "") for c in columns]) for r in sorted(ROWS)])
    for r in sorted(r for r in ROWS if any((r, c) in FIGURES for c in columns)):
        names = [n for c in columns for n in FIGURES.get((r, c), {})]
        out += ["", ROWS[r]]
        out += _lines(width, heads, [("    " + n, [FIGURES.get((r, c), {}).get(n, "") for c in columns])
                                     for n in dict.fromkeys(names)])
    return "\n".join(line.rstrip() for line in out) + "\n"


def data(versions, full):
    return {"full": full, "versions": versions, "servers": COLUMNS, "stories": [
        {"story": ROWS[r], "test": r, "results": {c: dict(result=w, **FIGURES.get((r, c), {}))
                                                  for (row, c), w in sorted(CELLS.items()) if row == r}}
        for r in sorted(ROWS)]}


def write(build, versions, full):
    """Both into BUILD/lab; the text, or "" when no story ran."""
    if not ROWS:
        return ""
    folder = os.path.join(build, "lab")
    os.makedirs(folder, exist_ok=True)
    said = text(versions, full)
    with open(os.path.join(folder, "mtas.txt"), "w") as f:
        f.write(said)
    with open(os.path.join(folder, "mtas.json"), "w") as f:
        json.dump(data(versions, full), f, indent=1)
        f.write("\n")
    return "\n" + said
