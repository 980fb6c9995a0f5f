"""Signs of trouble between the two players, reported while training can still be saved."""

import dataclasses
import logging
import math
from collections.abc import Sequence

import keras
import numpy as np
from numpy.typing import ArrayLike

from keras_gan.callbacks.rollback import Rollback
from keras_gan.callbacks.stateful import Interval, StatefulCallback, StepMeans
from keras_gan.errors import UserError
from keras_gan.metrics.distances import nearest_neighbours, prdc
from keras_gan.regularizers import DRAGAN, R1, R2, GradientPenalty
from keras_gan.sampling import is_image, sample, to_pixels
from keras_gan.types import Logs

logger = logging.getLogger(__name__)

HEALTHY = "healthy"
# Each trouble, in the order in which they are checked, and what to do about it.
ADVICE = {
    "diverged": (
        "the discriminator's scores grow without bound. Lower its learning rate if it is high for the network; add or "
        "raise a penalty on its gradients (r1, or gradient_penalty with the loss wasserstein), or normalise it "
        "(spectral_normalization)"
    ),
    "collapse": (
        "samples are alike, or no longer show much of what they showed before. Go back to an earlier checkpoint; then "
        "lower the learning rates, penalise the discriminator more (r1, r2), or use the relativistic loss"
    ),
    "discriminator winning": (
        "it tells nearly all samples from real images, so the generator learns little. Lower its learning rate or "
        "penalise it more (r1); if there are few images, augment them"
    ),
    "generator winning": (
        "the discriminator does not tell samples from real images, although they differ. Raise its learning rate or "
        "its width, penalise it less, or give it more steps (discriminator_steps)"
    ),
    "oscillating": (
        "the players overturn each other again and again. Lower both learning rates, set beta_1 to 0, or penalise the "
        "discriminator more (r1)"
    ),
}
STATES = (HEALTHY, *ADVICE)
# Number of looks that are remembered.
MEMORY = 8
GRADIENT_PENALTIES = (R1, R2, GradientPenalty, DRAGAN)


@dataclasses.dataclass(frozen=True)
class Look:
    """What was seen of the game at one step. Means are over the steps since the look before.

    Attributes:
        step: number of steps that the model has trained.
        accuracy: mean share of pairs in which the discriminator scores the real image above the sample, in [0, 1].
        gap: mean score of real images minus mean score of samples; infinite if samples are not finite.
        diversity: mean distance of a sample to its nearest other sample, divided by the same of real images.
        coverage: share of the real images that have a sample in their neighbourhood, as in `metrics.prdc`.
    """

    step: int
    accuracy: float
    gap: float
    diversity: float
    coverage: float


def diagnose(looks: Sequence[Look], best: float, patience: int = 2) -> str:
    """Returns the state of the game, one of `STATES`.

    Args:
        looks: the last `Look` objects, oldest first.
        best: largest coverage of all looks so far, including earlier ones.
        patience: number of looks in a row that must show a trouble; twice as many for "discriminator winning", which is
            common at the beginning.
    """

    def all_of(count, shows):
        return len(looks) >= count and all(shows(look) for look in looks[-count:])

    if all_of(1, lambda look: abs(look.gap) > 100.0):
        return "diverged"
    if all_of(patience, lambda look: look.diversity < 0.15 or (best > 0.3 and look.coverage < 0.5 * best)):
        return "collapse"
    if all_of(2 * patience, lambda look: look.accuracy > 0.98):
        return "discriminator winning"
    if all_of(patience, lambda look: look.accuracy < 0.55 and look.coverage < 0.3):
        return "generator winning"
    if len(looks) == MEMORY and _turns([look.accuracy for look in looks], 0.1) >= 4:
        return "oscillating"
    return HEALTHY


class HealthMonitor(StatefulCallback):
    """Watches the game, reports each kind of trouble once with advice, and acts on it if asked to.

    It looks at means of the training metrics and compares samples of the generator with `images`, as many as there are,
    pixel by pixel; large images are shrunk first. It adds three keys to the logs of an epoch, for callbacks after it in
    the list: `diversity` and `coverage` (see `Look`), and `trouble`, the index of the state in `STATES`.

    Args:
        images: at least 6 real images `(N, ...)`, as `fit()` takes them; some hundreds are enough.
        labels: labels of the images, int `(N,)`, for conditional models.
        every: int >= 1, number of steps between two looks. If Keras executes several steps in a row
            (`steps_per_execution`), it looks after those in which a multiple of `every` was passed.
        patience: int >= 1, number of looks in a row that must show a trouble before it is reported.
        action: what to do at a trouble, beside the report: `"warn"` does nothing more, `"stop"` ends the training,
            `"rollback"` goes back to the last checkpoint of a healthy game, with lower learning rates.
        rollback: the `Rollback` of the same `fit()`, needed for the action `"rollback"`. The `stateful` callbacks of
            its `checkpoint` must include this one.

    Attributes:
        state: the state at the last look, one of `STATES`.

    Raises:
        UserError: if an argument is out of its range, or, from `fit()`, if the images do not have the model's shape.
        Diverged: from `fit()`, if `rollback` has reached its limit.

    Examples:
        >>> monitor = kg.callbacks.HealthMonitor(images, labels, every=100, action="stop")
        >>> gan.fit(images, labels, callbacks=[monitor])
        >>> monitor.state
        'healthy'
    """

    def __init__(
        self,
        images: np.ndarray,
        labels: ArrayLike | None = None,
        every: int = 250,
        patience: int = 2,
        action: str = "warn",
        rollback: Rollback | None = None,
    ) -> None:
        super().__init__()
        if len(images) < 6:
            raise UserError(f"the watch needs at least 6 images to compare samples with, got {len(images)}")
        if every < 1 or patience < 1:
            raise UserError(f"every and patience must be at least 1, got {every} and {patience}")
        if action not in ("warn", "stop", "rollback"):
            raise UserError(f"action must be warn, stop or rollback, got {action!r}")
        if action == "rollback" and rollback is None:
            raise UserError("the action rollback needs the Rollback of the same fit()")
        self.images, self.labels = np.asarray(images), labels
        self.every, self.patience, self.action, self.rollback = every, patience, action, rollback
        self.state = HEALTHY
        self.looks = []
        self._best = 0.0
        self._said = []
        self._means, self._interval = StepMeans(), Interval(every)

    def on_train_begin(self, logs: Logs = None) -> None:
        normalized = _layers_of(self.model.discriminator, keras.layers.BatchNormalization)
        if normalized and any(isinstance(part, GRADIENT_PENALTIES) for part in self.model.regularizers):
            logger.warning(
                "The discriminator has batch normalisation (%s) and a penalty on its gradients, but with batch "
                "normalisation its gradients depend on the whole batch. Leave out one of the two (arXiv:1704.00028, "
                "section 4).",
                normalized[0].name,
            )
        if self.images.shape[1:] != self.model.sample_shape:
            raise UserError(f"the model's samples are {self.model.sample_shape}, the images {self.images.shape[1:]}")
        self._real = _pixels(self.images)
        self._distance = _nearest(self._real)
        self._interval.begin(int(self.model.step))

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        if batch == 0:
            self._means.begin_epoch(self.model)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        if not self._interval.passed(int(self.model.step)):
            return
        means = self._means.take(self.model)
        if not means:  # A rollback at this step has reset the metrics.
            return
        self.looks = [*self.looks, self._look(means)][-MEMORY:]
        self._best = max(self._best, self.looks[-1].coverage)
        self.state = diagnose(self.looks, self._best, self.patience)
        if self.state != HEALTHY:
            self._act()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if logs is None:
            return
        logs["trouble"] = float(STATES.index(self.state))
        if self.looks:
            logs.update(diversity=self.looks[-1].diversity, coverage=self.looks[-1].coverage)

    def on_rollback(self) -> None:
        self._means.seen = {}

    def get_state(self) -> dict:
        return {
            "state": self.state,
            "looks": [dataclasses.astuple(look) for look in self.looks],
            "best": self._best,
            "said": self._said,
            "seen": self._means.seen,
        }

    def set_state(self, state: dict) -> None:
        self.state, self._best, self._said = state["state"], state["best"], state["said"]
        self.looks = [Look(*look) for look in state["looks"]]
        self._means.seen = state["seen"]

    def _look(self, means):
        fake = _pixels(self._sample())
        if not np.isfinite(fake).all():
            return Look(int(self.model.step), 0.0, math.inf, 0.0, 0.0)
        return Look(
            int(self.model.step),
            means["d_accuracy"],
            means["d_real"] - means["d_fake"],
            _nearest(fake) / max(self._distance, 1e-6),
            prdc(self._real, fake)["coverage"],
        )

    def _sample(self):
        # These are samples of the generator itself, because the averaged generator shows trouble late.
        generator = self.model.generator

        def render(latents, labels):
            images = generator(latents if labels is None else [latents, labels], training=False)
            return to_pixels(images) if self.images.dtype == np.uint8 else images

        labels = None if self.model.num_classes is None else self.labels
        return sample(render, len(self.images), labels, 0, None, self.model.latent_dim, self.model.num_classes)

    def _act(self):
        step, state, seen = int(self.model.step), self.state, self.looks[-1]
        if state not in self._said:
            self._said.append(state)
            evidence = f"accuracy {seen.accuracy:.2f}, diversity {seen.diversity:.2f}, coverage {seen.coverage:.2f}"
            logger.warning("Step %s: %s (%s): %s.", f"{step:,}", state, evidence, ADVICE[state])
        if self.action == "stop":
            logger.warning("Training ends here.")
            self.model.stop_training = True
        elif self.action == "rollback" and self.rollback and self.rollback.checkpoint.newest(_was_healthy):
            self.rollback.back(f"the game is in trouble, {state}", _was_healthy)
            self.state, self.looks = HEALTHY, []


def _was_healthy(state):
    return state["stateful"].get(HealthMonitor.__name__, {}).get("state") == HEALTHY


def _layers_of(network, kind):
    return [layer for layer in network._flatten_layers(include_self=False) if isinstance(layer, kind)]


def _pixels(images):
    """Shrinks images and makes each a row of pixels."""
    images = np.asarray(images, "float32")
    factor = max(1, min(images.shape[1:3]) // 16) if is_image(images.shape[1:]) else 1
    if factor > 1:
        images = keras.ops.convert_to_numpy(keras.ops.average_pool(images, factor, padding="same"))
    return images.reshape(len(images), -1)


def _nearest(rows):
    """Returns the mean distance of a row to its nearest other row."""
    return float(nearest_neighbours(rows, rows, 2)[0][:, 1].mean())


def _turns(values, least: float) -> int:
    """Counts how often values turn from rising to falling or back, by at least `least` each way."""
    from scipy.signal import find_peaks  # This takes a second to import, for which most trainings need not wait.

    values = np.asarray(values)
    return sum(len(find_peaks(sign * values, prominence=least)[0]) for sign in (1, -1))
