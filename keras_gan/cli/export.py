"""`export`: a trained model as a SavedModel."""

from pathlib import Path

import click

from keras_gan.cli.common import check_writable, class_names_of, import_option, load_tensorflow


@click.command()
@click.argument("model", type=click.Path(exists=True, path_type=Path))
@click.option("--export-dir", type=click.Path(path_type=Path), required=True, help="Folder of versions: 1, 2, ...")
@import_option()
def export(model: Path, export_dir: Path) -> None:
    """Write MODEL, a run folder or a .keras file, as a SavedModel for TensorFlow and TF Serving."""
    load_tensorflow()
    from keras_gan.export import SavedGAN, export_next, load

    gan = load(model)
    if isinstance(gan, SavedGAN):
        raise click.UsageError(f"{model} is a SavedModel already")
    check_writable(export_dir)
    click.echo(f"SavedModel in {export_next(gan, export_dir, class_names_of(model, gan))}")
