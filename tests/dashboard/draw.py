"""Draws deploy/dashboard.json with what a Prometheus answers to its queries. Needs matplotlib.

draw.py URL-OF-PROMETHEUS START END PICTURE (times in seconds since 1970)
"""

import json
import re
import sys
import warnings
from datetime import datetime, timezone
from urllib.parse import urlencode
from urllib.request import urlopen

import matplotlib

matplotlib.use("Agg")
from matplotlib import dates, pyplot
from PIL import Image

PROMETHEUS, START, END, PICTURE = sys.argv[1], float(sys.argv[2]), float(sys.argv[3]), sys.argv[4]
WIDTH, ROW = 1500, 27
# More lines than these are not told apart in a legend.
LISTED = 8


def ask(what, **query):
    with urlopen(f"{PROMETHEUS}/api/v1/{what}?{urlencode(query)}") as answer:
        return json.load(answer)["data"]["result"]


def spelled(value, unit):
    if value != value:
        return "no data"
    if unit == "percentunit":
        return f"{value * 100:.1f} %"
    if unit == "bytes":
        return f"{value / 1e6:.1f} MB"
    if unit == "s":
        if abs(value) > 86400:
            return f"{value / 86400:.0f} d"
        return f"{value * 1000:.0f} ms" if abs(value) < 1 else f"{value:.1f} s"
    return f"{value:g}" if value == int(value) else f"{value:.3g}"


def series(panel):
    """Each line of a panel: its name as Grafana makes it, times and values."""
    for target in panel["targets"]:
        # Four samples and what lies between two scrapes, as Grafana computes it.
        query = target["expr"].replace("$__rate_interval", "16s")
        for found in ask("query_range", query=query, start=START, end=END, step=2):
            name = target.get("legendFormat") or target["expr"]
            name = re.sub(r"\{\{(\w+)\}\}", lambda label: found["metric"].get(label[1], ""), name)
            times = [datetime.fromtimestamp(time, timezone.utc) for time, _ in found["values"]]
            yield name.strip(), times, [float(value) for _, value in found["values"]]


def draw_number(figure, panel, unit, x, y, width, height):
    answer = ask("query", query=panel["targets"][0]["expr"], time=END)
    value = float(answer[0]["value"][1]) if answer else float("nan")
    place = {"fontsize": 17, "ha": "center", "va": "center", "color": "#37872d" if answer else "#999"}
    figure.text(x + width / 2, y + height * 0.38, spelled(value, unit), **place)


def draw_lines(figure, panel, unit, x, y, width, height, pixel):
    axes = figure.add_axes([x + 0.032, y + 46 * pixel, width - 0.043, height - 78 * pixel])
    for name, times, values in series(panel):
        axes.plot(times, values, linewidth=1.1, label=name)
    lines, names = axes.get_legend_handles_labels()
    axes.set_xlim(*(datetime.fromtimestamp(time, timezone.utc) for time in (START, END)))
    low, high = axes.get_ylim()
    axes.set_ylim(min(0, low) if lines else 0, high if lines else 1)
    axes.yaxis.set_major_formatter(lambda value, _: spelled(value, unit))
    axes.xaxis.set_major_formatter(dates.DateFormatter("%H:%M:%S"))
    axes.xaxis.set_major_locator(dates.AutoDateLocator(maxticks=5))
    axes.grid(color="#eee")
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(length=2, labelsize=6)
    if not lines:
        axes.text(0.5, 0.5, "no data (nothing happened)", transform=axes.transAxes, ha="center", color="#999")
        return
    highest = sorted(range(len(lines)), key=lambda line: -max(lines[line].get_ydata()))[:LISTED]
    place = {"loc": "upper left", "bbox_to_anchor": (-0.08, -0.07), "ncol": 2 if len(lines) > LISTED else 3}
    style = {"fontsize": 5.4, "frameon": False, "handlelength": 1, "columnspacing": 0.8, "labelspacing": 0.2}
    highest.sort()
    axes.legend([lines[line] for line in highest], [names[line][:44] for line in highest], **place, **style)


def main():
    with open("deploy/dashboard.json", encoding="utf-8") as file:
        panels = json.load(file)["panels"]
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels)
    pyplot.rcParams.update({"font.size": 7, "font.family": "DejaVu Sans"})
    figure = pyplot.figure(figsize=(WIDTH / 100, rows * ROW / 100), dpi=100, facecolor="#f4f5f5")
    pixel = 1 / (rows * ROW)
    for panel in panels:
        grid = panel["gridPos"]
        x, y = grid["x"] / 24, 1 - (grid["y"] + grid["h"]) / rows
        width, height = grid["w"] / 24, grid["h"] / rows
        if panel["type"] == "row":
            figure.text(x + 0.006, y + height * 0.25, panel["title"], fontsize=10, weight="bold", color="#222")
            continue
        frame = {"facecolor": "white", "edgecolor": "#ddd", "zorder": -1, "transform": figure.transFigure}
        figure.patches.append(pyplot.Rectangle((x + 0.003, y + 0.001), width - 0.006, height - 0.002, **frame))
        figure.text(x + 0.008, y + height - 11 * pixel, panel["title"], fontsize=8, va="top")
        unit = panel.get("fieldConfig", {}).get("defaults", {}).get("unit")
        if panel["type"] == "stat":
            draw_number(figure, panel, unit, x, y, width, height)
        else:
            draw_lines(figure, panel, unit, x, y, width, height, pixel)
    figure.savefig(PICTURE, facecolor=figure.get_facecolor())
    # Few colours: a third of the size.
    Image.open(PICTURE).convert("RGB").quantize(48).save(PICTURE, optimize=True)


# Its hint about intervals of ticks means nothing in a picture.
warnings.filterwarnings("ignore", message="AutoDateLocator")
main()
