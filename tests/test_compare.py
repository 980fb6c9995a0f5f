"""`compare` on the command line."""

import json

import pytest
from commands import fails

SMALL = ["--steps", "250", "--seeds", "1", "--num", "200", "--set", "precision=float32", "--conditional"]


def test_two_ways_are_compared_and_what_is_done_stays_done(run, tmp_path):
    entries = ["mlp", "mlp/mlp:loss=hinge,beta_1=0"]
    result = run("compare", *entries, *SMALL, "--output", "out")
    assert result.exit_code == 0, result.output
    assert "[2/2] mlp/mlp:loss=hinge,beta_1=0, seed 0: FCD" in result.output
    content = json.loads((tmp_path / "out" / "results.json").read_text())
    assert [row["name"] for row in content["rows"]] == entries
    assert content["rows"][1]["config"]["loss"] == "hinge"
    for row in content["rows"]:
        (done,) = row["runs"]
        assert (done["failure"], done["steps"]) == (None, 250)
        assert len(done["curve"]) == 1
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 4
    again = run("compare", *entries, *SMALL, "--output", "out")
    assert again.exit_code == 0
    assert json.loads((tmp_path / "out" / "results.json").read_text()) == content
    other = run("compare", "mlp", "mlp", *SMALL[2:], "--output", "out")
    fails(other, 2, "two of the names are the same")
    fails(run("compare", "mlp:r1=1", *SMALL, "--output", "out"), 1, "holds a run with other settings")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["mlp", "dcgam"], "unknown preset 'dcgam': did you mean dcgan"),
        (["mlp", "--minutes", "1", "--steps", "5"], "one budget is enough: --minutes or --steps"),
        (["mlp", "--set", "r1"], "settings are KEY=VALUE, got 'r1'"),
        (["mlp", "--dataset", "nowhere/"], "nowhere"),
        ([], "NAME"),
    ],
)
def test_mistakes(run, arguments, message):
    fails(run("compare", *arguments, "--output", "out"), 2, message)
