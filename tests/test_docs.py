"""What the documents say: links lead somewhere, and their Python runs."""

import re
from pathlib import Path

import keras
import pytest

import keras_gan as kg

ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("saved_models/**/*.md")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text())
    for path, _, anchor in (link.partition("#") for link in links if "://" not in link):
        target = page.parent / path if path else page
        assert target.exists(), path
        titles = re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE) if anchor else []
        assert not anchor or anchor in {re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in titles}


# What would take long is shortened.
SHORTENED = {"epochs=20": "epochs=1", "steps_per_epoch=250": "steps_per_epoch=2"}


def run_python_of(page, **names):
    text = "".join(re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL))
    for long, short in SHORTENED.items():
        text = text.replace(long, short)
    exec(compile(text, page, "exec"), {"__name__": "page", **names})


@pytest.mark.parametrize(
    ("page", "made"),
    [
        ("README.md", ["samples", "model.keras", "saved_models/my-digits/1"]),
        ("docs/own.md", ["mine.keras"]),
        ("docs/resume.md", ["run/history.csv", "run/checkpoints"]),
    ],
)
def test_the_python_of_a_page_runs(page, made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_python_of(page)
    assert all(Path(path).exists() for path in made)


def test_the_python_on_metrics_runs(make_gan, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERAS_GAN_CACHE", str(tmp_path))
    layers = [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(4), keras.layers.Dense(3)]
    keras.Sequential(layers).save("my_classifier.keras")
    gan = make_gan(num_classes=10)
    run_python_of("docs/metrics.md", keras=keras, kg=kg, gan=gan, images=gan.generate(100))
    assert kg.metrics.load_extractor("features.keras")(gan.generate(2))[0].shape == (2, 4)
    assert Path("run/checkpoints/best.keras").exists()
