"""The report of a comparison, one HTML file that can be sent on: table, curves, costs and samples."""

import base64
import html
import io
import re
from pathlib import Path

import numpy as np

from keras_gan.types import StrPath

# Figures by name, with the number of decimals that are shown.
FIGURES = {"FCD": 2, "FID": 2, "KID": 3, "precision": 3, "recall": 3, "coverage": 3, "label accuracy": 4}
# Costs by key, with their title and the number of decimals that are shown.
COSTS = {
    "minutes": ("minutes", 1),
    "trained_per_second": ("trained images/s", 0),
    "generated_per_second": ("generated images/s", 0),
    "peak_memory": ("peak memory, MiB", 0),
}
MEANINGS = {
    "FCD": "Fréchet distance of samples from real images, in features of a classifier of these data; lower is better",
    "FID": "Fréchet distance in features of Inception; lower is better",
    "KID": "kernel distance in the same features, which needs fewer samples; lower is better, 0 is no difference",
    "precision": "share of samples that lie among real images: do they look real?",
    "recall": "share of real images that lie among samples: is every kind of image drawn?",
    "coverage": "share of real images that have a sample nearby",
    "label accuracy": "share of samples that a classifier of real images assigns to the class asked for",
    "minutes": "minutes of training, including measuring",
    "parameters, M": "millions of parameters, generator + discriminator",
    "MFLOP an image": "millions of floating-point operations of a forward pass of one image, generator + discriminator",
    "failed": "runs that crashed or diverged",
}
STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 1400px; padding: 1.5rem; }
h1 { font-size: 1.6rem; overflow-wrap: anywhere; } h2 { font-size: 1.2rem; margin-top: 2.5rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .4rem; text-align: right; vertical-align: top; border-bottom: 1px solid #8884; }
td { white-space: nowrap; } th { line-height: 1.2; vertical-align: bottom; }
th:first-child, td:first-child {
  text-align: left; position: sticky; left: 0; background: Canvas; max-width: 34vw;
  white-space: normal; overflow-wrap: anywhere; min-width: min(15rem, 30vw);
}
small { display: block; font-weight: 400; font-size: .7rem; opacity: .7; }
.best { font-weight: 700; }
.samples { display: grid; gap: 1.5rem; grid-template-columns: repeat(auto-fit, minmax(min(280px, 100%), 1fr)); }
figure { margin: 0; overflow-wrap: anywhere; min-width: 0; }
figure img, .plot img { width: 100%; height: auto; background: #fff; }
.plot { max-width: 760px; }
.key { list-style: none; padding: 0; columns: 22rem; }
.key li { overflow-wrap: anywhere; padding-left: 1.4rem; break-inside: avoid; }
.key i { display: inline-block; width: .9rem; height: .9rem; border-radius: 50%; margin: 0 .5rem 0 -1.4rem; }
pre { white-space: pre-wrap; }
summary { cursor: pointer; margin-top: .75rem; } dt { font-weight: 600; } dd { margin: 0 0 .5rem; }
"""


def table(rows: dict[str, list[dict]]) -> tuple[list[str], list[list[tuple[str, float | None]]]]:
    """Makes a table of the results of a comparison.

    Args:
        rows: for each name the results that `comparison.start` returned, one for each seed.

    Returns:
        titles of the columns, and for each name a list of cells. A cell is a text, the mean over seeds with its range,
        and the mean itself or `None`.
    """
    done = [run for runs in rows.values() for run in runs if run.get("figures")]
    figures = [name for name in FIGURES if any(name in run["figures"] for run in done)]
    same_time = len({round(run["minutes"], 1) for run in done}) == 1
    costs = {key: cost for key, cost in COSTS.items() if key != "minutes" or not same_time}
    titles = [*figures, *(title for title, _ in costs.values()), "parameters, M", "MFLOP an image", "failed"]
    cells = []
    for runs in rows.values():
        good = [run for run in runs if run.get("figures")]
        line = [_cell([run["figures"][name]["samples"] for run in good], FIGURES[name]) for name in figures]
        line += [
            _cell([run[key] for run in good if run[key] is not None], digits) for key, (_, digits) in costs.items()
        ]
        line.append(_of_networks(good, "parameters", lambda value: f"{value / 1e6:.2f}"))
        line.append(_of_networks(good, "flops", lambda value: f"{value / 1e6:.1f}"))
        line.append((f"{sum(run['failure'] is not None for run in runs)} of {len(runs)}", None))
        cells.append(line)
    return titles, cells


def real_figures(rows: dict[str, list[dict]]) -> tuple[str, dict[str, float]]:
    """Returns a title that says how many held-out real images there are, and their figures by name."""
    done = [run for runs in rows.values() for run in runs if run.get("figures")]
    if not done:
        return "real images", {}
    figures = {name: figure["real"] for name, figure in done[0]["figures"].items() if figure["real"] is not None}
    return f"real images, {done[0]['held_out']:,} held out", figures


def time_to(runs: list[dict], quality: float) -> float | None:
    """Returns the mean minutes until the Fréchet distance was at most `quality`, `None` if a run never got there."""
    times = [next((minutes for minutes, value in run.get("curve", ()) if value <= quality), None) for run in runs]
    known = [minutes for minutes in times if minutes is not None]
    return float(np.mean(known)) if known and len(known) == len(times) else None


def write(
    path: StrPath,
    title: str,
    conditions: str,
    rows: dict[str, list[dict]],
    folders: dict[str, Path],
    quality: float | None = None,
) -> None:
    """Writes the page.

    Args:
        path: the HTML file.
        title: title of the page.
        conditions: a sentence or two about data, budget, seeds and what else the figures depend on.
        rows: results, as `table` takes them.
        folders: for each name the run folder whose samples are shown.
        quality: a Fréchet distance; the table then shows the minutes in which each name reached it.
    """
    titles, cells = table(rows)
    parts = [
        f"<h1>{html.escape(title)}</h1><p>{html.escape(conditions)}</p>",
        _table(rows, titles, cells, quality),
        _legend(titles),
    ]
    key = _key(rows)
    for caption, picture in (("Quality against cost", _scatter(rows)), ("While training", _curves(rows))):
        if picture:
            parts.append(f'<h2>{caption}</h2><div class="plot"><img alt="{caption}" src="{picture}">{key}</div>')
    parts.append('<h2>Samples</h2><div class="samples">')
    for name, folder in folders.items():
        grids = sorted((folder / "samples").glob("*.png"))
        if grids:
            source = _source(grids[-1].read_bytes())
            image = f'<img alt="samples of {html.escape(name)}" src="{source}">'
            parts.append(f"<figure>{image}<figcaption>{_breakable(name)}</figcaption></figure>")
    parts.append("</div>")
    failures = [(name, run["failure"]) for name, runs in rows.items() for run in runs if run["failure"]]
    if failures:
        lines = "\n".join(f"{name}: {failure}" for name, failure in failures)
        parts.append(f"<h2>Failures</h2><pre>{html.escape(lines)}</pre>")
    Path(path).write_text(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>'
        f"<body>{''.join(parts)}</body></html>\n",
        encoding="utf-8",
    )


def _table(rows, titles, cells, quality):
    head = "".join(f"<th>{html.escape(title)}</th>" for title in titles)
    more = "" if quality is None else f"<th>minutes to FCD {quality:g}</th>"
    best = [_best(column, title) for column, title in zip(zip(*cells), titles)]
    caption, figures = real_figures(rows)
    shown = [f"{figures[title]:.{FIGURES[title]}f}" if title in figures else "" for title in titles]
    body = [f"<tr>{''.join(f'<td>{text}</td>' for text in [caption, *shown, *([''] if more else [])])}</tr>"]
    for (name, runs), line in zip(rows.items(), cells):
        row = "".join(
            f"<td{' class=best' if value is not None and value == top else ''}>{text}</td>"
            for (text, value), top in zip(line, best)
        )
        minutes = None if quality is None else time_to(runs, quality)
        last = "" if not more else f"<td>{'not reached' if minutes is None else f'{minutes:.1f}'}</td>"
        body.append(f"<tr><td>{_breakable(name)}</td>{row}{last}</tr>")
    return f'<div class="scroll"><table><tr><th></th>{head}{more}</tr>{"".join(body)}</table></div>'


def _breakable(name):
    """Escapes a name and lets the browser break it after each of its parts."""
    return re.sub("([/:,=+])", r"\1<wbr>", html.escape(name))


def _colours(rows):
    """Returns a colour for each name."""
    import matplotlib
    import matplotlib.colors

    palette = matplotlib.colormaps["tab10" if len(rows) <= 10 else "tab20"]
    return {name: matplotlib.colors.to_hex(palette(number % palette.N)) for number, name in enumerate(rows)}


def _key(rows):
    dot = '<i style="background:{}"></i>'
    items = (f"<li>{dot.format(colour)}{_breakable(name)}</li>" for name, colour in _colours(rows).items())
    return f'<ul class="key">{"".join(items)}</ul>'


def _legend(titles):
    """Explains the columns, folded away."""
    items = "".join(f"<dt>{title}</dt><dd>{MEANINGS[title]}</dd>" for title in titles if title in MEANINGS)
    return f"<details><summary>What the columns say</summary><dl>{items}</dl><p>The best mean is bold.</p></details>"


def _best(column, title):
    """Returns the best mean of a column, or `None` if no value is better than another."""
    values = [value for _, value in column if value is not None]
    if not values or title == "minutes":
        return None
    return min(values) if title in ("FCD", "FID", "KID", COSTS["peak_memory"][0]) else max(values)


def _cell(values, digits) -> tuple[str, float | None]:
    if not values:
        return "-", None
    mean = float(np.mean(values))
    spread = f" <small>{min(values):,.{digits}f}&ndash;{max(values):,.{digits}f}</small>" if len(values) > 1 else ""
    return f"{mean:,.{digits}f}{spread}", mean


def _of_networks(runs, key, show) -> tuple[str, float | None]:
    return (" + ".join(show(value) for value in runs[0][key]) if runs else "-"), None


def _scatter(rows):
    """Plots the Fréchet distance against the training time of an image."""
    points = {}
    for name, runs in rows.items():
        good = [run for run in runs if run.get("figures")]
        key = next((key for key in ("FCD", "FID") if good and key in good[0]["figures"]), None)
        if key:
            points[name] = [
                (1000.0 / run["trained_per_second"], run["figures"][key]["samples"])
                for run in good
                if run["trained_per_second"]
            ]
    if not any(points.values()):
        return None
    colours = _colours(rows)
    return _plot(
        lambda axes: [
            axes.scatter(*zip(*place), color=colours[name], s=60, alpha=0.8) for name, place in points.items() if place
        ],
        "milliseconds of training an image",
        "Fréchet distance, lower is better",
    )


def _curves(rows):
    """Plots the Fréchet distance over the minutes of training, one line for each run."""
    if not any(len(run.get("curve", ())) > 1 for runs in rows.values() for run in runs):
        return None

    colours = _colours(rows)

    def draw(axes):
        for name, runs in rows.items():
            for run in runs:
                if run.get("curve"):
                    axes.plot(*zip(*run["curve"]), "o-", markersize=3, color=colours[name], alpha=0.8)

    return _plot(draw, "minutes of training", "Fréchet distance while training")


def _plot(draw, x, y):
    import matplotlib.figure

    figure = matplotlib.figure.Figure(figsize=(6.6, 4.2), layout="constrained")
    axes = figure.subplots()
    draw(axes)
    axes.set(xlabel=x, ylabel=y, yscale="log")
    axes.grid(alpha=0.3, which="both")
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=170)
    return _source(file.getvalue())


def _source(png):
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
