"""`timelapse`: how samples changed during training."""

from pathlib import Path

import click

from keras_gan.cli.common import Positive, check_output, usage_errors


@click.command()
@click.argument("run", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--output", required=True, metavar="FILE.gif|FILE.mp4", help="File to write.")
@click.option("--seconds", type=Positive(max=600), default=6.0, show_default=True, help="How long it takes.")
def timelapse(run: Path, output: str, seconds: float) -> None:
    """Write an animation of how the samples of RUN, a run folder, changed during training."""
    from keras_gan.pictures import ANIMATIONS, load_image, save_animation

    path = check_output(output, ANIMATIONS)
    pictures = sorted((run / "samples").glob("epoch-*.png"))
    if not pictures:
        raise click.UsageError(f"{run} is not a run folder with pictures of its epochs")
    path.parent.mkdir(parents=True, exist_ok=True)
    with usage_errors():
        save_animation(path, [load_image(picture) for picture in pictures], seconds, hold=2.0)
    click.echo(f"{len(pictures):,} epochs in {path}")
