"""`presets`: named settings, and what each setting means."""

import click

from keras_gan.cli.common import echo_settings, import_option, load_tensorflow, usage_errors


@click.command()
@click.option(
    "--explain",
    is_flag=False,
    flag_value="all",
    metavar="[KEY]",
    help="Explain a setting, its values and its default; without KEY, all settings.",
)
@import_option()
def presets(explain: str | None) -> None:
    """List the presets and their settings."""
    load_tensorflow()
    from keras_gan.presets import PRESETS

    if explain is not None:
        with usage_errors():
            _explain(explain.replace("-", "_").replace(".", "_"))
        return
    for name, make in PRESETS.items():
        click.secho(f"\n{name}", bold=True, nl=False)
        click.echo(f": {' '.join((make.__doc__ or '').split())}")
        echo_settings(make())


def _explain(key):
    from keras_gan.presets import explanations, full_keys

    wanted = None if key == "all" else full_keys({key: None})
    for each in explanations():
        if wanted is None or each.key in wanted:
            default = "none" if each.default is None else str(each.default).lower()
            click.secho(each.key, bold=True)
            click.echo(f"  {each.meaning}\n  {each.values}; default {default}")
