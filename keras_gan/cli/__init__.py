"""The command line. Commands import heavy modules when they run, so that `--help` answers at once."""

import click

from keras_gan.cli.common import OneLineErrors
from keras_gan.cli.compare import compare
from keras_gan.cli.datasets import datasets
from keras_gan.cli.demo import demo
from keras_gan.cli.evaluate import evaluate
from keras_gan.cli.export import export
from keras_gan.cli.generate import generate
from keras_gan.cli.inspect import inspect
from keras_gan.cli.presets import presets
from keras_gan.cli.serving import serving
from keras_gan.cli.timelapse import timelapse
from keras_gan.cli.train import train


@click.group(cls=OneLineErrors, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="keras_gan")
def main() -> None:
    """Train GANs on images, sample from them, export them for TensorFlow and TF Serving."""


for command in (train, generate, timelapse, evaluate, compare, export, serving, demo, presets, datasets, inspect):
    main.add_command(command)
