"""`presets` and `datasets`."""

import click

from keras_gan.cli.common import echo_settings, load_tensorflow


@click.command()
def presets():
    """List the presets and their settings."""
    load_tensorflow()
    from keras_gan.presets import PRESETS

    for name, make in PRESETS.items():
        click.secho(f"\n{name}", bold=True, nl=False)
        click.echo(f": {' '.join(make.__doc__.split())}")
        echo_settings(make())


@click.command()
def datasets():
    """List the datasets that need no download."""
    load_tensorflow()
    from keras_gan.datasets import available

    for name, source in available().items():
        click.echo(f"{name:24}{source}")
    click.echo("\nAny other TFDS image dataset is downloaded when named; a folder of class folders works by its path.")
