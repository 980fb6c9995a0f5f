"""`keras_gan.report`: the table and the page of a comparison, from results made up by hand."""

import re

import numpy as np
import pytest

from keras_gan.comparison import report
from keras_gan.pictures import save_png


def run(fcd, seed=0, **changes):
    figures = {
        "FCD": {"samples": fcd, "real": 0.5, "better": "lower"},
        "recall": {"samples": 0.8, "real": 0.9, "better": "higher"},
    }
    return {
        "failure": None,
        "figures": figures,
        "held_out": 1000,
        "minutes": 2.0,
        "trained_per_second": 1000.0,
        "generated_per_second": 5000.0,
        "peak_memory": None,
        "parameters": [1000, 2000],
        "flops": [3_000_000, 4_500_000],
        "curve": [(1.0, 9.0), (2.0, fcd)],
        **changes,
    }


ROWS = {
    "a <b>": [run(4.0), run(6.0)],
    "worse": [run(7.0), {"failure": "it broke & burnt"}],
    "broken": [{"failure": "no"}, {"failure": "no"}],
}


def test_the_table_has_means_ranges_and_failures():
    titles, cells = report.table(ROWS)
    assert titles[:2] == ["FCD", "recall"]
    first = dict(zip(titles, cells[0]))
    assert first["FCD"] == ("5.00 <small>4.00&ndash;6.00</small>", 5.0)
    assert first["peak memory, MiB"] == ("-", None)
    assert first["parameters, M"][0] == "0.00 + 0.00"
    assert first["MFLOP an image"][0] == "3.0 + 4.5"
    assert [dict(zip(titles, line))["failed"][0] for line in cells] == ["0 of 2", "1 of 2", "2 of 2"]
    assert dict(zip(titles, cells[1]))["FCD"] == ("7.00", 7.0)
    assert report.real_figures(ROWS) == ("real images, 1,000 held out", {"FCD": 0.5, "recall": 0.9})
    assert report.real_figures({"broken": ROWS["broken"]}) == ("real images", {})


def test_the_time_to_a_quality_is_when_all_seeds_were_there():
    assert report.time_to([run(4.0), run(6.0, curve=[(1.0, 5.0), (3.0, 4.0)])], 6.0) == 1.5
    assert report.time_to([run(4.0), run(6.0)], 5.0) is None
    assert report.time_to(ROWS["broken"], 5.0) is None


@pytest.mark.parametrize("rows", [ROWS, {"broken": ROWS["broken"]}])
def test_the_page_stands_by_itself(tmp_path, rows):
    folder = tmp_path / "run"
    (folder / "samples").mkdir(parents=True)
    save_png(folder / "samples" / "epoch-0001.png", np.zeros((8, 8, 1), "uint8"))
    report.write(tmp_path / "x.html", "a <b> against worse", "so & so", rows, dict.fromkeys(rows, folder), 6.5)
    page = (tmp_path / "x.html").read_text()
    assert "<b>" not in page
    assert "so &amp; so" in page
    assert [f"<dt>{name}</dt>" in page for name in ("FCD", "recall", "KID", "failed")] == [rows is ROWS] * 2 + [
        False,
        True,
    ]
    assert page.count("data:image/png;base64,") == len(rows) + (2 if rows is ROWS else 0)
    assert not re.search(r"https?://|<script|<link", page)
    assert "not reached" in page
    if rows is ROWS:
        assert "it broke &amp; burnt" in page
        assert "<td class=best>5.00 <small>4.00&ndash;6.00</small></td>" in page
        assert "minutes to FCD 6.5" in page
