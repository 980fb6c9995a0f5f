"""Lines of nonsense on the command line, as a tired person types them: each ends in one line, never in a traceback."""

import itertools
import random
import shutil
import sys
import types

import click
import pytest
from commands import invoke
from PIL import Image

from keras_gan.cli import main
from keras_gan.errors import UserError

LINES = 200
HUGE, HUGER = str(10**30), "9" * 400
NUMBERS = [
    "0",
    "-1",
    "1",
    "3",
    "2.5",
    "1e400",
    "nan",
    "-inf",
    HUGE,
    HUGER,
    "-" + HUGE,
    "1,5",
    "0x10",
    "seven",
    "½",
    "٣",
]
TEXTS = [
    "",
    " ",
    "-",
    "--",
    "=",
    "*",
    "日本語",
    "naïve",
    "caf\udce9",
    "a" * 300,
    "a\nb",
    "digits",
    "mnits",
    "dcgan",
    "[",
    "%s",
]
FILES = [
    "model.keras",
    "points.keras",
    "broken.keras",
    "cut.keras",
    "saved",
    "saved/1",
    "run",
    "odd",
    "empty",
    "photos",
    "photo.png",
    "notes.txt",
    "crash.py",
    "nowhere",
    "nowhere/x.png",
    "notes.txt/x.png",
    "photo.png/x",
    "empty/",
    "x.PNG",
    "x.gif",
    "x.npz",
    "x.jpg",
    ".png",
    "/dev/null",
    "/dev/null/x",
    "/proc/nowhere/x",
]
SETTINGS = [
    "width",
    "los",
    "loss",
    "generator",
    "discriminator_width",
    "latent_dim",
    "image_size",
    "hold_out",
    "r1",
    "=",
    "",
]
SETTINGS += [
    "augmentation",
    "epochs",
    "minutes",
    "precision",
    "schedule",
    "pretrained",
    "batch_size",
    "generator_share_until",
]
FINE = {
    "model": "model.keras",
    "run": "run",
    "folder": "served",
    "entries": "mlp",
    "--output": "x.png",
    "--export-dir": "new",
}


@pytest.fixture(scope="module")
def things(make_gan, tmp_path_factory):
    """A folder of models, whole and broken, and of what is taken for them."""
    folder = tmp_path_factory.mktemp("things")
    make_gan(3).save(folder / "model.keras")
    make_gan(image_shape=(2,)).save(folder / "points.keras")
    make_gan(image_shape=(4, 4, 1)).export(folder / "saved" / "1")
    shutil.copytree(folder / "saved", folder / "served" / "saved")
    (folder / "cut.keras").write_bytes((folder / "model.keras").read_bytes()[:-100])
    for name in ("broken.keras", "notes.txt"):
        (folder / name).write_text("nothing\n")
    (folder / "crash.py").write_text("1 / 0\n")
    for name in ("empty", "photos", "run/samples", "odd"):
        (folder / name).mkdir(parents=True)
    shutil.copy(folder / "model.keras", folder / "run" / "model.keras")
    (folder / "odd" / "config.json").write_text("[]")
    for name in ("photo.png", "run/samples/epoch-0001.png", "photos/1.png"):
        Image.new("L", (4, 4), 7).save(folder / name)
    return folder


def lines(seed=0):
    """Commands with arguments of all kinds, from click's own tables."""
    draw = random.Random(seed)
    for _ in range(LINES):
        name = draw.choice(list(main.commands))
        given = main.commands[name].params
        words = []
        for parameter in given:
            if parameter.required:
                words.append([parameter.opts[0]] * isinstance(parameter, click.Option) + [fitting(draw, parameter)])
        options = [parameter for parameter in given if isinstance(parameter, click.Option)]
        for option in draw.sample(options, min(len(options), draw.randint(0, 3))):
            flag = draw.choice([*option.opts, *option.secondary_opts])
            words.append([flag] if option.is_flag else [flag, nonsense(draw, option)])
        if draw.random() < 0.2:
            spoil(draw, words)
        draw.shuffle(words)
        yield [typo(draw, name) if draw.random() < 0.03 else name, *itertools.chain.from_iterable(words)]


def fitting(draw, parameter):
    """Mostly a value that fits, so that what comes after it is reached too."""
    return nonsense(draw, parameter) if draw.random() < 0.3 else FINE[(parameter.opts or [parameter.name])[0]]


def nonsense(draw, parameter):
    if parameter.name == "settings":
        return f"{draw.choice(SETTINGS)}{draw.choice(['=', '=', '=', '', '=='])}{draw.choice(NUMBERS + TEXTS)}"
    kinds = [NUMBERS, TEXTS, FILES]
    kind = NUMBERS if isinstance(parameter.type, click.IntRange | click.FloatRange) else FILES
    return draw.choice(kind if draw.random() < 0.7 else draw.choice(kinds))


def spoil(draw, words):
    """Leaves a word out, types one wrong, or types one twice."""
    if words:
        word = draw.choice(words)
        how = draw.randrange(3)
        if how == 0:
            word.pop()
        elif how == 1:
            word[0] = typo(draw, word[0])
        else:
            words.append(list(word))


def typo(draw, word):
    place = draw.randrange(len(word) + 1)
    return word[:place] + draw.choice(["", "e", "-", " "]) + word[place + 1 :]


@pytest.fixture
def no_work(monkeypatch):
    """A line that happens to be right neither trains, nor exports, nor opens a page."""

    def refuse(*args, **kwargs):
        raise UserError("no work in this test")

    from keras_gan import comparison, export, metrics, training

    monkeypatch.setattr(training.Session, "train", lambda session: session)
    monkeypatch.setattr(comparison, "start", refuse)
    monkeypatch.setattr(export, "export_next", refuse)
    monkeypatch.setattr(metrics.features, "dataset_classifier", refuse)
    monkeypatch.setattr(metrics.features, "inception", refuse)
    page = types.SimpleNamespace(page=refuse, LOOK={}, title_of=str)
    monkeypatch.setitem(sys.modules, "keras_gan.demo", page)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)


def tree(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def wrong(arguments, folder):
    """What is wrong with how a line ended, or `None`."""
    before = tree(folder)
    result = invoke(*arguments)
    if result.exception and not isinstance(result.exception, SystemExit):
        return f"traceback: {result.exception!r}"
    if result.exit_code not in (0, 1, 2):
        return f"status {result.exit_code}"
    if result.exit_code and not (result.stderr.startswith("Error: ") and result.stderr.count("\n") == 1):
        return f"not one line: {result.stderr!r}"
    after = tree(folder)
    if result.exit_code and before != after:
        return f"left behind: {set(after.items()) ^ set(before.items())}"
    if unfinished := [
        path for path in after if path not in before and path.name.startswith(".") and path.name != ".lock"
    ]:
        return f"half written: {unfinished}"
    return None


def test_nonsense_ends_in_one_line(things, no_work, tmp_path, monkeypatch):
    """A traceback is right for a bug only, and nothing that can be typed is one."""
    monkeypatch.delenv("KERAS_GAN_TRACEBACK", raising=False)
    found = []
    for number, arguments in enumerate(lines()):
        folder = tmp_path / "here"
        shutil.copytree(things, folder)
        monkeypatch.chdir(folder)
        if problem := wrong(arguments, folder):
            found.append(f"{number}: {arguments} {problem}")
        monkeypatch.chdir(tmp_path)
        shutil.rmtree(folder)
    assert not found, "\n".join(found)
