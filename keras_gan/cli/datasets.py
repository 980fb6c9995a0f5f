"""`datasets`: what needs no download."""

import click

from keras_gan.cli.common import load_tensorflow


@click.command()
def datasets() -> None:
    """List the datasets that need no download."""
    load_tensorflow()
    from keras_gan.datasets import available

    for name, source in available().items():
        click.echo(f"{name:24}{source}")
    click.echo("\nAny other TFDS image dataset is downloaded when named; a folder of class folders works by its path.")
