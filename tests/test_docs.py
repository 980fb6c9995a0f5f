"""What the documents say: links lead somewhere, their Python runs, and the reference shows all that is public."""

import ast
import re
from pathlib import Path

import keras
import pytest

import keras_gan as kg

ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("saved_models/**/*.md")]
REGISTRIES = (
    *(kg.losses.LOSSES, kg.regularizers.REGULARIZERS, kg.networks.GENERATORS, kg.networks.DISCRIMINATORS),
    *(kg.backbones.BACKBONES, keras.saving.get_custom_objects()),
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text())
    for path, _, anchor in (link.partition("#") for link in links if "://" not in link):
        target = page.parent / path if path else page
        assert target.exists(), path
        titles = re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE) if anchor else []
        assert not anchor or anchor in {re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in titles}


# What would take long is shortened.
SHORTENED = {
    "epochs=20": "epochs=1",
    "epochs=40": "epochs=2",
    "minutes=2,": "minutes=0.02,",
    "steps_per_epoch=250": "steps_per_epoch=2",
}


def python_of(page):
    return "".join(re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL))


def run_python_of(page, **names):
    text = python_of(page)
    for long, short in SHORTENED.items():
        text = text.replace(long, short)
    exec(compile(text, page, "exec"), {"__name__": "page", **names})


@pytest.fixture
def _empty_folder(tmp_path, monkeypatch):
    """An empty folder to run in, in which an epoch is a pass; what a page registers is forgotten."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("keras_gan.training.session.EPOCH_STEPS", 1)
    before = [dict(registry) for registry in REGISTRIES]
    yield
    for registry, names in zip(REGISTRIES, before):
        registry.clear()
        registry.update(names)


@pytest.mark.usefixtures("_empty_folder")
@pytest.mark.parametrize(
    ("page", "made"),
    [
        ("README.md", ["runs/digits-cgan-001/model.keras", "samples", "model.keras", "saved_models/my-digits/1"]),
        ("docs/own.md", ["runs/arrays-cgan-001/model.keras", "runs/arrays-gan-003/model.keras", "mine.keras"]),
        ("docs/resume.md", ["runs/long/model.keras", "runs/session", "run/history.csv", "run/checkpoints"]),
    ],
)
def test_the_python_of_a_page_runs(page, made):
    run_python_of(page)
    assert all(Path(path).exists() for path in made)


def test_the_python_of_the_landing_page_is_the_readmes():
    assert python_of("docs/index.md") in python_of("README.md")


@pytest.mark.usefixtures("_empty_folder")
def test_the_python_on_the_saved_model_runs(make_gan):
    make_gan(num_classes=10).export("saved_models/digits-cgan/1")
    run_python_of("docs/savedmodel.md")


@pytest.mark.usefixtures("_empty_folder")
def test_the_python_on_metrics_runs(make_gan, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_GAN_CACHE", str(tmp_path))
    layers = [keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(4), keras.layers.Dense(3)]
    keras.Sequential(layers).save("my_classifier.keras")
    gan = make_gan(num_classes=10)
    run_python_of("docs/metrics.md", keras=keras, kg=kg, gan=gan, images=gan.generate(100))
    assert kg.metrics.load_extractor("features.keras")(gan.generate(2))[0].shape == (2, 4)
    assert Path("run/checkpoints/best.keras").exists()


def tree_of(module):
    """The source of a module or package of ours; `None` if there is none of that name."""
    path = ROOT.joinpath(*module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.parse(path.read_text()) if path.exists() else None


def public_names(module):
    """What `__all__` of a module names, or else its public classes and functions."""
    names = []
    for node in tree_of(module).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return ast.literal_eval(node.value)
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
            names.append(node.name)
    return names


def defined(module, name):
    """Where a name of a module is defined, and whether it has a docstring there."""
    for node in tree_of(module).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name:
            return f"{module}.{name}", ast.get_docstring(node) is not None
        if isinstance(node, ast.ImportFrom) and name in [alias.name for alias in node.names]:
            return defined(node.module, name)
    return f"{module}.{name}", False


def test_every_public_name_is_on_a_page_of_the_reference():
    pages = "\n".join(page.read_text() for page in ROOT.glob("docs/reference/*.md"))
    assert "members:" not in pages, "this test takes a page to show a whole module"
    shown = set()
    for directive in re.findall(r"^::: ([\w.]+)$", pages, re.MULTILINE):
        if tree_of(directive):
            # A module's directive leaves out what has no docstring, and names that a file beside it has too.
            names = [name for name in public_names(directive) if not tree_of(f"{directive}.{name}")]
            places = (defined(directive, name) for name in names)
            shown |= {directive, *(place for place, has_docstring in places if has_docstring)}
        else:
            shown.add(defined(*directive.rsplit(".", 1))[0])
    wanted = set()
    for name in kg.__all__:
        module = f"keras_gan.{kg._HOLDERS.get(name, name)}"
        if name in kg._HOLDERS:
            wanted.add(defined(module, name)[0])
        else:
            wanted |= {module, *(defined(module, part)[0] for part in public_names(module))}
    missing = sorted(wanted - shown)
    assert not missing, f"on no page in docs/reference, which needs a block `::: NAME` for each: {missing}"
