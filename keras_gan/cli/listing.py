"""`presets` and `datasets`."""

import click

from keras_gan.cli.common import echo_settings, load_tensorflow, usage_errors


@click.command()
@click.option(
    "--explain",
    is_flag=False,
    flag_value="all",
    metavar="[KEY]",
    help="Explain a setting, its values and its default; without KEY, all settings.",
)
def presets(explain):
    """List the presets and their settings."""
    load_tensorflow()
    from keras_gan.presets import PRESETS, explanations

    if explain:
        with usage_errors():
            _explain(explanations(), explain.replace("-", "_").replace(".", "_"))
        return
    for name, make in PRESETS.items():
        click.secho(f"\n{name}", bold=True, nl=False)
        click.echo(f": {' '.join(make.__doc__.split())}")
        echo_settings(make())


def _explain(found, key):
    from keras_gan.presets.settings import choose

    # The ends of keys: a key without its player, such as `width`, stands for both players' settings.
    ends = {each.key.partition("_")[2] for each in found if each.key.startswith(("generator_", "discriminator_"))}
    if key != "all":
        choose("setting", key, [*(each.key for each in found), *ends])
    for each in found:
        if key in ("all", each.key, each.key.partition("_")[2]):
            default = "none" if each.default is None else str(each.default).lower()
            click.secho(each.key, bold=True)
            click.echo(f"  {each.meaning}\n  {each.values}; default {default}")


@click.command()
def datasets():
    """List the datasets that need no download."""
    load_tensorflow()
    from keras_gan.datasets import available

    for name, source in available().items():
        click.echo(f"{name:24}{source}")
    click.echo("\nAny other TFDS image dataset is downloaded when named; a folder of class folders works by its path.")
