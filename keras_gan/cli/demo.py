"""`demo`: a page to play with a model in the browser."""

import importlib.util
from pathlib import Path

import click

from keras_gan.cli.common import class_names_of, import_option, load_tensorflow


@click.command()
@click.argument("model", type=click.Path(exists=True, path_type=Path))
@click.option("--host", default="127.0.0.1", show_default=True, help="0.0.0.0 lets other machines in.")
@click.option("--port", type=click.IntRange(1, 65535), help="[default: the first free one from 7860 on]")
@click.option("--share", is_flag=True, help="Make a public link too, through Gradio, for three days.")
@click.option("--open/--no-open", "browse", default=False, show_default=True, help="Open the page in the browser.")
@import_option()
def demo(model: Path, host: str, port: int | None, share: bool, browse: bool) -> None:
    """Open a page to play with MODEL: a run folder, a .keras file or a SavedModel folder."""
    if not importlib.util.find_spec("gradio"):
        raise click.UsageError('the page needs another package: pip install -e ".[demo]"')
    load_tensorflow()
    from keras_gan.demo import LOOK, page, title_of
    from keras_gan.export import load

    title, gan = title_of(model), load(model)
    blocks = page(gan, title, class_names_of(model, gan))
    quiet = {"quiet": True, "prevent_thread_lock": True}
    blocks.launch(server_name=host, server_port=port, share=share, inbrowser=browse, **quiet, **LOOK)
    public = f", for all at {blocks.share_url}" if share else ""
    click.echo(f"{title} at {blocks.local_url}{public} (Ctrl-C ends it)")
    blocks.block_thread()
