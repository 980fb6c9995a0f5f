"""`serving`: writes the files that TF Serving needs beside exported models."""

import shlex
from pathlib import Path

import click

from keras_gan.cli.common import check_writable, load_tensorflow


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path), default="saved_models")
@click.option("--base", default="/models", show_default=True, help="Where the server sees FOLDER.")
def serving(folder: Path, base: str) -> None:
    """Write the files that TF Serving needs to serve the models in FOLDER (saved_models when not given)."""
    check_writable(folder)
    load_tensorflow()
    from keras_gan.export.serving import models_in, write_config

    for file in write_config(folder, base.rstrip("/")):
        click.echo(f"Wrote {file}")
    click.echo(f"To serve {', '.join(models_in(folder))} on ports 8500 (gRPC) and 8501 (REST):")
    click.echo(f"  docker compose --file {shlex.quote(str(folder / 'docker-compose.yml'))} up")
