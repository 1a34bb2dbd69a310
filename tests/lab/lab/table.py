# SPDX-License-Identifier: ISC
"""Stories x mail servers: what became of each test of test_stories.py, as one table."""

CELLS = {}  # (story, column) -> word


def note(test, word):
    """A test that is no story is not in the table. What failed once has failed."""
    if type(test).__module__ != "test_stories":
        return
    at = ((test._testMethodName, test.shortDescription() or test._testMethodName), type(test).__name__)
    if CELLS.get(at) != "FAIL":
        CELLS[at] = word


def text():
    rows = sorted({r for r, _ in CELLS})
    columns = sorted({c for _, c in CELLS}, key=lambda c: (not c.startswith("Postfix"), c))
    if not rows:
        return ""
    width = max(len(r[1]) for r in rows)
    heads = [c if c == "Postfix" else c.replace("Postfix", "P. ") for c in columns]
    lines = ["", "Stories x mail servers", " " * width + "  " + "  ".join(heads)]
    for r in rows:
        cells = (CELLS.get((r, c), "").ljust(len(h)) for c, h in zip(columns, heads))
        lines.append(r[1].ljust(width) + "  " + "  ".join(cells))
    return "\n".join(line.rstrip() for line in lines) + "\n"
