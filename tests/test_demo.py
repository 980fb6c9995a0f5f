"""The page in a real browser, served by a real process. Skipped where Gradio, Playwright or Chromium is missing."""

import contextlib
import importlib.util
import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from commands import fails
from PIL import Image

import keras_gan as kg
from keras_gan.pictures import enlarged, image_grid
from keras_gan.sampling import between

if not importlib.util.find_spec("gradio"):
    pytest.skip("no Gradio", allow_module_level=True)
sync_api = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(not CHROMIUM, reason="no Chromium on the PATH")
ROOT = Path(__file__).parents[1]
NAMES = ["circle", "square", "2"]


@pytest.fixture(scope="module")
def gan():
    keras.utils.set_random_seed(0)
    gan = kg.GAN(*kg.networks.dcgan((8, 8, 1), 3, latent_dim=4), seed=1)
    gan.compile()
    return gan


@pytest.fixture(scope="module")
def model(gan, tmp_path_factory):
    """A run folder with named classes, and beside it a SavedModel."""
    folder = tmp_path_factory.mktemp("demo")
    (folder / "shapes").mkdir()
    gan.save(folder / "shapes" / "model.keras")
    record = {"config": {}, "data": {"class_names": NAMES}, "versions": {}, "options": {}}
    (folder / "shapes" / "config.json").write_text(json.dumps(record))
    gan.export(folder / "saved" / "1")
    return folder


@contextlib.contextmanager
def served(model):
    """Starts the command, and gives the address that it prints."""
    command = [sys.executable, "-u", ROOT / "cli.py", "demo", model]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment
    ) as process:
        try:
            said = ""
            for line in process.stdout:
                said += line
                if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                    break
            else:
                pytest.fail(said)
            yield found[0]
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        # No name is found but this machine's: whatever is asked of the network fails, and is noticed.
        rules = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", rules])
        yield chromium
        chromium.close()


@contextlib.contextmanager
def opened(browser, address, width=1280, height=900):
    """The page; when it is left, it must have said no error and asked nobody else."""
    page = browser.new_page(viewport={"width": width, "height": height})
    errors, hosts = [], set()
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "request", lambda request: hosts.add(re.sub(r"^(\w+://[^/]*|data:).*", r"\1", request.url, flags=re.DOTALL))
    )
    page.goto(address)
    yield page
    assert not errors
    assert {host for host in hosts if not host.startswith(("data:", "blob:"))} == {address}
    page.close()


def picture(page, label):
    """Bytes of the picture under a label."""
    source = page.get_by_test_id("block-label").filter(has_text=label).locator("..").locator("img").first
    return page.request.get(source.get_attribute("src")).body()


def wait_for(page, label, expected):
    """Waits until a picture shows what it should."""
    for _ in range(100):
        with contextlib.suppress(sync_api.Error):
            shown = np.asarray(Image.open(io.BytesIO(picture(page, label))))
            if shown.shape == expected.shape and (shown == expected).all():
                return
        page.wait_for_timeout(100)
    pytest.fail(f"{label} never showed what the model gives")


def choose(page, label, option):
    page.get_by_label(label, exact=True).locator("visible=true").click()
    page.get_by_role("option", name=option, exact=True).click()


def test_the_page(gan, model, browser, tmp_path):
    with served(model / "shapes") as address, opened(browser, address) as page:
        first = image_grid(gan.generate(50), 9)[..., 0]
        wait_for(page, "Samples", first)
        data = picture(page, "Samples")
        page.screenshot(path=tmp_path / "samples.png")

        choose(page, "Class", "1: square")
        wait_for(page, "Samples", image_grid(gan.generate(50, labels=1), 10)[..., 0])
        seed = page.get_by_label("Seed", exact=True)
        seed.fill("7")
        wait_for(page, "Samples", image_grid(gan.generate(50, labels=1, seed=7), 10)[..., 0])
        seed.fill("0")
        choose(page, "Class", "each in turn")
        wait_for(page, "Samples", first)
        assert picture(page, "Samples") == data

        page.get_by_role("tab", name="In between").click()
        wait_for(page, "On the way", enlarged(between(gan, (0, 1), [0.5], (0, 1)), 256)[0, ..., 0])
        page.get_by_role("button", name="Animate").click()
        page.wait_for_function("[...document.images].some(image => image.src.endsWith('.gif') && image.complete)")
        film = Image.open(io.BytesIO(picture(page, "Animation")))
        assert (film.format, film.n_frames, film.size) == ("GIF", 48, (256, 256))
        page.screenshot(path=tmp_path / "between.png")


def test_on_a_phone_with_a_saved_model(gan, model, browser, tmp_path):
    with served(model / "saved" / "1") as address, opened(browser, address, 390, 844) as page:
        wait_for(page, "Samples", image_grid(gan.generate(50), 9)[..., 0])
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        page.screenshot(path=tmp_path / "phone.png", full_page=True)
        page.get_by_role("tab", name="In between").click()
        choose(page, "From class", "2")
        wait_for(page, "On the way", enlarged(between(gan, (0, 1), [0.5], (2, 1)), 256)[0, ..., 0])
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_mistakes(run, model, monkeypatch):
    fails(run("demo", "nowhere"), 2, "nowhere")
    fails(run("demo", model / "shapes", "--port", 0), 2, "port")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    fails(run("demo", model / "shapes"), 2, 'pip install -e ".[demo]"')
