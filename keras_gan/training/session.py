"""Sessions: each trains one model from settings into a run folder, from which training can go on."""

import contextlib
import csv
import logging
import math
from collections.abc import Iterable, Iterator
from pathlib import Path

import keras
import tensorflow as tf

from keras_gan import callbacks as own_callbacks
from keras_gan import datasets, metrics, presets
from keras_gan.callbacks.health import HEALTHY
from keras_gan.errors import UserError
from keras_gan.export import export_next
from keras_gan.optimizers import set_constant_rate
from keras_gan.presets import Config
from keras_gan.presets.players import PLAYERS
from keras_gan.storage import checkpoints
from keras_gan.storage.files import check_writable
from keras_gan.training import runs
from keras_gan.training.options import Options, chosen_options
from keras_gan.training.pretrained import load_by_path
from keras_gan.types import StrPath

logger = logging.getLogger(__name__)

# Smallest number of steps in an epoch. A pass over a small dataset takes a second, too little for pictures and a
# checkpoint.
EPOCH_STEPS = 250
# Number of images with which the health monitor compares samples.
WATCHED = 512
# Size and largest number of batches of images with which samples are compared after an epoch.
EVALUATION_BATCH, EVALUATION_BATCHES = 250, 8
# Parts of messages that mean a full disk or an exhausted limit.
FULL = ("No space left", "File too large", "quota")


class InTrouble(RuntimeError):
    """Training ended because the game was in trouble, and the option `watch` was `stop`."""


class Session:
    """One training: its settings, data and model, and the run folder from which it can go on.

    The constructor loads the data and builds the model, but writes nothing. `train` trains to the end. After an
    interruption `train` goes on as if nothing had happened, on the same object or on a new one with `resume=True`.

    Args:
        config: the settings. When `None`, those of the resumed run, or else those of the preset `quick`.
        run_dir: the run folder; `runs/DATASET-(C)GAN-NNN` when `None`.
        data: images to train on, in place of the dataset that the settings name.
        options: how the run is stored and watched.
        resume: whether to go on with the run in `run_dir`.
        allow_changes: whether a resumed run may have other settings and data than before.

    Attributes:
        config: the settings; the precision `auto` is replaced by the one that it chose.
        model: the `GAN`.
        data: the training images.
        held_out: the images that are not trained on, or `None`.
        folder: the run folder; `None` before a new run without `run_dir` trains.
        changed: settings and data that differ from those of the resumed run, with their old and new values.
        exported: folder of the SavedModel; `None` before there is one.

    Raises:
        UserError: if settings, data and folder do not go together.

    Examples:
        >>> config = kg.presets.preset("mlp").replace(epochs=20, epoch_steps=100)
        >>> session = kg.training.Session(config, "runs/first")
        >>> session.train()
        >>> [row["d_loss"] for row in session.history]
    """

    def __init__(
        self,
        config: Config | None = None,
        run_dir: StrPath | None = None,
        data: datasets.ImageDataset | None = None,
        options: Options | None = None,
        resume: bool = False,
        allow_changes: bool = False,
    ) -> None:
        self.folder = None if run_dir is None else Path(run_dir)
        before = self._record_before(resume)
        config = config or (before.config if before else presets.quick())
        options = options or chosen_options(before, {})
        if not config.epochs and not config.minutes:
            raise UserError("the run would never end: give --epochs or --minutes")
        if options.deterministic:
            tf.config.experimental.enable_op_determinism()
            # What `auto` chooses depends on the machine, and where it must be timed, on the moment.
            config = config.replace(precision=config.precision.replace("auto", "float32"))
        self.data, self.held_out, held_out_from = _data(config, data, before)
        config = config.replace(
            precision=presets.resolve_precision(config.precision),
            **({} if data is None else {"dataset": data.name}),
        )
        a_pass = self.data.steps(config.batch_size)
        self.steps_per_epoch = config.epoch_steps or presets.whole_executions(max(a_pass, EPOCH_STEPS))
        steps = self.steps_per_epoch * config.epochs if config.epochs else None
        config = config.replace(jit_compile=presets.resolve_compilation(config, steps))
        self.config, self.options = config, options
        self.record = runs.Record(
            config, _describe(self.data, self.held_out, held_out_from, data), runs.versions(), options.model_dump()
        )
        self.changed = runs.changes(before, self.record) if before else {}
        if self.changed and not allow_changes:
            raise UserError(
                f"the run had other settings or data: {self.changes}; go on with those that it had, or change them "
                "with --allow-changes"
            )
        if before and before.versions != self.record.versions:
            logger.info(
                "Note: the run began with %s and goes on with %s, so its numbers may differ from before",
                before.versions,
                self.record.versions,
            )
        self.model = presets.build(
            config, self.data.image_shape, self.data.num_classes, self._metrics(), self.steps_per_epoch
        )
        if config.pretrained and not resume:
            for report in load_by_path(self.model, config.pretrained):
                logger.info("Pretrained: %s", report)
        self.exported = None
        self._resumed = resume
        self._locks = None
        self._make_callbacks()

    @property
    def title(self) -> str:
        """Name of the run after its dataset, such as `digits-cgan`."""
        return f"{self.data.name}-{'cgan' if self.config.conditional else 'gan'}"

    @property
    def changes(self) -> str:
        """The content of `changed` as a text."""
        return runs.said(self.changed)

    @property
    def history(self) -> list[dict[str, float | None]]:
        """The logs of all epochs so far, oldest first; `None` stands for a figure that an epoch does not have."""
        file = self.folder and self.folder / "history.csv"
        if not file or not file.exists():
            return []
        with open(file) as lines:
            return [
                {key: None if text == "NA" else float(text) for key, text in row.items()}
                for row in csv.DictReader(lines)
            ]

    @property
    def state(self) -> str:
        """State of the game, one of `callbacks.health.STATES`; `healthy` if the option `watch` is `off`."""
        return self._watch[0].state if self._watch else HEALTHY

    def export_to(self, folder: StrPath) -> None:
        """Sets the folder that gets the finished model as its next version; it must be one that can be written."""
        check_writable(folder)
        self.options = chosen_options(self.record, {"export_dir": str(folder)})
        self.record.options = self.options.model_dump()

    @contextlib.contextmanager
    def locked(self) -> Iterator[Path]:
        """Keeps other processes from training in the run folder within the context; makes the folder if it is missing.

        Raises:
            UserError: if another process trains there.
        """
        folder = self.folder
        if folder is None or not (self._locks or self._resumed):
            self.folder = folder = runs.new_folder(folder, self.title)
        self._locks = self._locks or runs.lock_of(folder)
        with runs.held(self._locks):
            yield folder

    def train(self, callbacks: Iterable[keras.callbacks.Callback] = ()) -> "Session":
        """Trains until the epochs or the minutes are over, then exports the model if the options say so.

        Args:
            callbacks: Keras callbacks of your own. What they add to the logs of an epoch becomes part of the history.

        Returns:
            the session itself.

        Raises:
            callbacks.Interrupted: if a signal stopped the training; everything is saved.
            callbacks.Diverged: if losses or gradients stayed NaN or infinite; the checkpoints can still be used.
            InTrouble: if the game was in trouble and the option `watch` is `stop`.
            UserError: if the disk is full, the folder was deleted, or another process trains in it.
        """
        callbacks = _checked_callbacks(callbacks)
        if self.options.export_dir:
            check_writable(self.options.export_dir)
        with self.locked() as folder:
            self._restore(folder)
            if self.config.epochs and self.checkpoint.epoch > self.config.epochs:
                logger.warning("%d epochs are trained already, more than %d", self.checkpoint.epoch, self.config.epochs)
            newest = self.checkpoint.newest() if self._is_over else None
            if newest and checkpoints.are_same(folder / "model.keras", newest):
                logger.info(
                    "%s is complete, with %s steps. Give more epochs or minutes to train it further.",
                    folder,
                    f"{int(self.model.step):,}",
                )
                return self
            # Before what follows, which takes a folder without a record for one that was deleted.
            self.record.write(folder)
            with _told(folder, folder):
                if not self._is_over:
                    # A model of an earlier end must not pass for the end of this training; its checkpoint holds it too.
                    (folder / "model.keras").unlink(missing_ok=True)
                    self._fit(folder, callbacks)
            if self.options.watch == "stop" and self.state != HEALTHY:
                raise InTrouble(
                    f"the game is in trouble, {self.state}, so nothing was exported. {self.checkpoint.newest()} is the "
                    "last checkpoint; try other settings, in a new run or with --resume --allow-changes"
                )
            self._finish(folder)
        return self

    def _record_before(self, resume):
        if not resume:
            if self.folder:
                runs.check_new(self.folder)
            return None
        if self.folder is None:
            raise UserError("to resume, give the run folder")
        return runs.read(self.folder)

    def _metrics(self):
        self.extractor = None
        if not self.options.evaluate:
            return []
        self.extractor = metrics.named_extractor(self.options.evaluate, self.data)
        self.extractor.check(self.data.image_shape)
        return [metrics.KernelDistance(self.extractor), metrics.FrechetDistance(self.extractor)]

    def _make_callbacks(self):
        self.checkpoint = own_callbacks.Checkpoint(
            (self.folder or Path()) / "checkpoints",
            self.options.checkpoint_steps,
            self.options.keep,
            # FCD is far less noisy than KID, and its bias is always the same, because the number of images is.
            monitor="val_fcd" if self.options.evaluate else None,
        )
        self.clock = own_callbacks.TimeLimit(self.config.minutes or math.inf)
        rollback = own_callbacks.Rollback(self.checkpoint)
        adaptive = [own_callbacks.AdaptiveAugmentation()] if self.config.adaptive_augmentation else []
        self._watch = []
        if self.options.watch != "off":
            images = self.data.draw(WATCHED, self.config.seed)
            self._watch = [own_callbacks.HealthMonitor(*images, action=self.options.watch, rollback=rollback)]
        self.checkpoint.stateful = [rollback, self.clock, *adaptive, *self._watch]

    def _restore(self, folder):
        self.checkpoint.folder = folder / "checkpoints"
        step = self.checkpoint.restore(self.model)
        if step is None and self._resumed and self.history:
            raise UserError(f"cannot resume {folder}: its checkpoints are gone. Train anew in another folder")
        for player in PLAYERS:
            if step is not None and f"{player}_learning_rate" in self.changed:
                # The checkpoint restored the old constant rate. A schedule was made from the new config already.
                set_constant_rate(
                    getattr(self.model, f"{player}_optimizer"), getattr(self.config, player).learning_rate
                )
        self._resumed = True

    @property
    def _is_over(self):
        return self.checkpoint.epoch >= (self.config.epochs or math.inf) or self.clock.elapsed >= self.clock.minutes

    def _fit(self, folder, callbacks):
        config, start = self.config, int(self.model.step)
        logger.info(
            "Training on %s images of %s, %s, in %s%s",
            f"{len(self.data):,}",
            "x".join(map(str, self.data.image_shape)),
            config.precision,
            folder,
            f", from step {start:,}" if start else "",
        )
        names = self.data.class_names or ()
        if config.conditional and names != tuple(map(str, range(len(names)))):
            logger.info("Labels: %s", ", ".join(f"{label} {name}" for label, name in enumerate(names)))
        logs = folder / "logs"
        with self.checkpoint.stop_on_signals():
            self.model.fit(
                self.data.batches(config.batch_size, config.seed, start_step=start, mirror=config.mirror),
                epochs=config.epochs or 10**6,
                steps_per_epoch=self.steps_per_epoch,
                shuffle=False,
                verbose=0,
                callbacks=[
                    *([self._evaluation()] if self.options.evaluate else []),
                    *self.checkpoint.stateful,
                    own_callbacks.Progress(self.clock if config.minutes else None),
                    # It follows the progress bar, which has too little room for learning rates.
                    own_callbacks.LearningRates(),
                    own_callbacks.SampleImages(folder / "samples", logs if self.options.tensorboard else None),
                    *callbacks,
                    own_callbacks.CSVHistory(folder / "history.csv"),
                    *([keras.callbacks.TensorBoard(str(logs), write_graph=False)] if self.options.tensorboard else []),
                    self.checkpoint,
                ],
            )

    def _evaluation(self):
        held_out = self.held_out or self.data
        batch_size = min(EVALUATION_BATCH, len(held_out))
        batches = held_out.batches(batch_size, self.config.seed)
        return own_callbacks.Evaluation(batches, min(EVALUATION_BATCHES, held_out.steps(batch_size)))

    def _finish(self, folder):
        if self.options.export_dir:
            with _told(folder, self.options.export_dir):
                self.exported = export_next(self.model, self.options.export_dir, self.data.class_names or ())
        newest = self.checkpoint.newest()
        if newest is None:
            raise UserError(f"the checkpoints of {folder} were deleted or moved during the training")
        with _told(folder, folder):
            # This file is written last, because it shows that the run is complete.
            checkpoints.copy(newest, folder / "model.keras")


def _checked_callbacks(callbacks):
    """Returns a list of Keras callbacks, checked before there is a run folder."""
    callbacks = [] if callbacks is None else list(callbacks)
    for callback in callbacks:
        if not isinstance(callback, keras.callbacks.Callback):
            raise UserError(f"callbacks must be Keras callbacks, got {callback!r}")
    return callbacks


def _data(config, data, before):
    if data is None:
        if before and before.data.get("given_in_python") and config.dataset == before.config.dataset:
            raise UserError("this run was trained on images of a Python program: give them again, as dataset=images")
        return datasets.load_with_held_out(config.dataset, config.hold_out, **config.reading())
    given = [name for name, value in config.reading().items() if value != Config.model_fields[name].default]
    if given:
        raise UserError(f"{given[0]} is for datasets by name and folders: convert or resize the images that you give")
    return datasets.hold_out_of(data, config.hold_out)


def _describe(data, held_out, held_out_from, given):
    return {
        "images": len(data),
        "image_shape": data.image_shape,
        "class_names": data.class_names,
        "fingerprint": data.fingerprint,
        "held_out": None if held_out is None else {"images": len(held_out), "from": held_out_from},
        "given_in_python": given is not None,
    }


@contextlib.contextmanager
def _told(run_dir, written):
    """Turns errors of a folder that was deleted or is full into a `UserError` of one line."""
    try:
        yield
    except (OSError, tf.errors.OpError) as error:
        if not runs.is_run(run_dir):
            raise UserError(f"the run folder {run_dir} was deleted or moved during the training") from error
        if any(words in str(error) for words in FULL):
            raise UserError(
                f"cannot write to {written}: the disk is full, or a limit reached. Make room, then resume the run"
            ) from error
        raise
