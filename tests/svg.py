# SPDX-License-Identifier: ISC
"""Pictures as SVG, light and dark: text, lines, dots and areas on paper of a theme, and axes with their ticks. What a
picture shows is the business of those who draw it."""
import math
from xml.sax.saxutils import escape

THEMES = {
    "light": {"paper": "#ffffff", "ink": "#1f2328", "soft": "#59636e", "grid": "#d8dee4", "aim": "#b3261e",
              "dots": ["#0b5cad", "#2f8f4e", "#b35c00"]},
    "dark": {"paper": "#0d1117", "ink": "#e6edf3", "soft": "#9198a1", "grid": "#30363d", "aim": "#ff7b72",
             "dots": ["#58a6ff", "#56d364", "#ffa657"]},
}
FONT = "font-family='system-ui, sans-serif'"


class Axis:
    """From values to places: `low` stands at `at`, `high` at `to`."""

    def __init__(self, low, high, at, to, log=False):
        self.log, self.low, self.high, self.at, self.to = log, low, high, at, to

    def __call__(self, v):
        if self.log:
            share = (math.log(v) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        else:
            share = (v - self.low) / (self.high - self.low)
        return self.at + (self.to - self.at) * share

    def ticks(self, most=8):
        """Round values from end to end, at most about so many."""
        if self.log:
            first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
            return [10 ** n for n in range(first, last + 1)]
        step = 10 ** math.floor(math.log10((self.high - self.low) / most))
        step = next(step * k for k in (1, 2, 2.5, 5, 10) if (self.high - self.low) / (step * k) <= most)
        return [k * step for k in range(math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9) + 1)]


class Picture:
    """Colours are names of the theme, or its n-th colour for what is compared."""

    def __init__(self, width, height, theme, title):
        self.width, self.height, self.theme = width, height, THEMES[theme]
        self.out = [f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' width='{width}' "
                    f"height='{height}' role='img'><title>{escape(title)}</title>",
                    f"<rect width='{width}' height='{height}' fill='{self.theme['paper']}'/>",
                    ]
        self.text(16, 26, title, size=17, more=" font-weight='600'")

    def colour(self, name):
        return self.theme["dots"][name % 3] if isinstance(name, int) else self.theme[name]

    def text(self, x, y, what, colour="ink", size=13, anchor="start", more=""):
        self.out.append(f"<text x='{x:.1f}' y='{y:.1f}' fill='{self.colour(colour)}' font-size='{size}' "
                        f"text-anchor='{anchor}' {FONT}{more}>{escape(what)}</text>")

    def label(self, x, y, what, colour="soft", size=11, anchor="start"):
        """Text that stays readable on top of lines."""
        self.text(x, y, what, colour, size, anchor,
                  f" stroke='{self.theme['paper']}' stroke-width='3' paint-order='stroke'")

    def line(self, x1, y1, x2, y2, colour="grid", width=1, more=""):
        self.out.append(f"<line x1='{x1:.1f}' x2='{x2:.1f}' y1='{y1:.1f}' y2='{y2:.1f}' "
                        f"stroke='{self.colour(colour)}' stroke-width='{width}'{more}/>")

    def dot(self, x, y, colour, radius=5, more=""):
        self.out.append(f"<circle cx='{x:.1f}' cy='{y:.1f}' r='{radius}' fill='{self.colour(colour)}'{more}/>")

    def trail(self, points, colour, width=2, more=""):
        where = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.out.append(f"<polyline points='{where}' fill='none' stroke='{self.colour(colour)}' "
                        f"stroke-width='{width}' stroke-linejoin='round'{more}/>")

    def area(self, points, colour, opacity=0.15):
        where = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.out.append(f"<polygon points='{where}' fill='{self.colour(colour)}' opacity='{opacity}'/>")

    def grid(self, x, y, x_name, y_name, x_text=str, y_text=str, x_ticks=None):
        """Axes around what `x` and `y` span, with ticks, their text and the axes' names."""
        for v in x_ticks or x.ticks():
            self.line(x(v), y.at, x(v), y.to)
            self.text(x(v), y.at + 17, x_text(v), "soft", 12, "middle")
        for v in y.ticks():
            self.line(x.at, y(v), x.to, y(v))
            self.text(x.at - 8, y(v) + 4, y_text(v), "soft", 12, "end")
        self.line(x.at, y.at, x.to, y.at, "soft")
        self.line(x.at, y.at, x.at, y.to, "soft")
        self.text((x.at + x.to) / 2, y.at + 36, x_name, "ink", 12, "middle")
        self.text(x.at, y.to - 10, y_name, "ink", 12)

    def done(self):
        return "\n".join([*self.out, "</svg>", ""])
