"""A page to play with a model in the browser, by Gradio (extra `demo`)."""

import os
import secrets
import tempfile
from collections.abc import Sequence
from pathlib import Path

# Gradio must send nothing from this machine. It reads this variable when it is imported.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

import gradio as gr  # pyright: ignore[reportMissingImports]  # It is an extra.
import numpy as np
from gradio.themes import Soft  # pyright: ignore[reportMissingImports]

from keras_gan.errors import UserError
from keras_gan.pictures import columns, enlarged, image_grid, picture, save_animation
from keras_gan.sampling import Sampler, between, is_image
from keras_gan.types import StrPath

MOST = 100
FRAMES = 48
LARGE = 256
FONT = ("system-ui", "sans-serif")
LOOK = {
    "theme": Soft(primary_hue="indigo", font=FONT, font_mono=("ui-monospace", "monospace")),
    # Without the padding a label would cover part of its picture.
    "css": ".gradio-container {max-width: 1100px !important; margin: auto; width: 100%}"
    ".image-container {padding-top: 2.5rem}",
    "footer_links": [],
}


def page(model: Sampler, title: str, class_names: Sequence[str] = ()) -> gr.Blocks:
    """Builds the page of a model.

    Args:
        model: a `GAN` or `SavedGAN` whose samples are images.
        title: title of the page.
        class_names: names of the classes of a conditional model, if they are known.

    Returns:
        the page; show it with its method `launch(**LOOK)`.

    Raises:
        UserError: if the model's samples are not images.
    """
    if not is_image(model.sample_shape):
        raise UserError(f"the page shows images, and this model's samples are of shape {model.sample_shape}")
    folder = tempfile.TemporaryDirectory()
    classes = [(_class_name(number, class_names), number) for number in range(model.num_classes or 0)]

    def draw(num, seed, truncation, label=None):
        labels = None if label is None or label < 0 else int(label)
        images = _said(model.generate, int(num), labels, int(seed or 0), _cut(truncation))
        return picture(image_grid(images, columns(len(images), len(classes) if labels is None else 0)))

    def on_the_way(shares, first, last, truncation, labels):
        seeds = (int(first or 0), int(last or 0))
        labels = [int(label) for label in labels] * (2 // len(labels)) if labels else None
        return _said(between, model, seeds, shares, labels, _cut(truncation))

    def stop(share, first, last, truncation, *labels):
        return picture(enlarged(on_the_way([share], first, last, truncation, labels), LARGE)[0])

    def animate(first, last, truncation, *labels):
        # There and back again, so that the animation has no jump where it repeats.
        shares = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(FRAMES) / FRAMES)
        frames = enlarged(on_the_way(shares, first, last, truncation, labels), LARGE)
        film = Path(folder.name) / f"{secrets.token_hex(8)}.gif"
        save_animation(film, frames)
        return film

    with gr.Blocks(title=title, fill_width=True) as blocks:
        gr.Markdown(f"# {title}\n{_what(model)}")
        with gr.Tab("Samples"), gr.Row():
            with gr.Column(scale=1, min_width=260):
                label = [gr.Dropdown([("each in turn", -1), *classes], value=-1, label="Class")] if classes else []
                num = gr.Slider(1, MOST, value=50 if classes else 64, step=1, label="How many")
                seed = _seed_box("Seed", 0)
                truncation = _truncation_box()
                new = gr.Button("Other seeds", variant="primary")
                gr.Markdown("Image *i* has the seed *seed + i*: a seed and a class are one picture, always.")
            with gr.Column(scale=3):
                grid = gr.Image(label="Samples", format="png", buttons=["download", "fullscreen"])
        with gr.Tab("In between"), gr.Row():
            with gr.Column(scale=1, min_width=260):
                first, last = _seed_box("From seed", 0), _seed_box("To seed", 1)
                ends = ("From class", "To class") if getattr(model, "takes_rows", True) else ("Class",)
                labels = [gr.Dropdown(classes, value=number, label=end) for number, end in enumerate(ends) if classes]
                walk_truncation = _truncation_box()
                share = gr.Slider(0.0, 1.0, value=0.5, step=0.01, label="Share of the way")
                move = gr.Button("Animate", variant="primary")
            with gr.Column(scale=2):
                still = gr.Image(label="On the way", format="png", buttons=["download"])
                film = gr.Image(label="Animation", type="filepath", buttons=["download"])

        settings = [num, seed, truncation, *label]
        way = [share, first, last, walk_truncation, *labels]
        for change in (*(box.change for box in settings), blocks.load):
            change(draw, settings, grid, show_progress="hidden", trigger_mode="always_last", api_visibility="private")
        for change in (*(box.change for box in way), blocks.load):
            change(stop, way, still, show_progress="hidden", trigger_mode="always_last", api_visibility="private")
        new.click(lambda: secrets.randbelow(10**6), None, seed, api_visibility="private")
        move.click(animate, way[1:], film, api_visibility="private")
    return blocks


def _seed_box(label, value):
    # This sets no minimum, because Gradio answers a number below it with a traceback in the terminal.
    return gr.Number(value, label=label, precision=0)


def _truncation_box():
    return gr.Slider(0.1, 2.0, value=2.0, step=0.1, label="Truncation", info="lower: safer, less varied; 2: none")


def _cut(truncation):
    return None if truncation >= 2.0 else float(truncation)


def _class_name(number, names):
    name = names[number] if number < len(names) else ""
    return str(number) if name in ("", str(number)) else f"{number}: {name}"


def _what(model):
    height, width, channels = model.sample_shape
    colours = {1: "gray", 3: "in colour"}.get(channels, f"of {channels} channels")
    classes = f", {model.num_classes} classes" if model.num_classes else ""
    return f"Images of {width} x {height} pixels, {colours}{classes}. Made by a GAN: none of them is real."


def _said(function, *arguments):
    """Calls a function, and shows the message of a `UserError` on the page."""
    try:
        return function(*arguments)
    except UserError as error:
        raise gr.Error(str(error), print_exception=False) from error


def title_of(path: StrPath) -> str:
    """Returns the title of the page for a model's path."""
    path = Path(path).resolve()
    return path.parent.name if path.name.isdigit() else path.stem
