"""Augmentation whose strength follows how sure the discriminator is."""

from keras_gan.augmentation import Augmentation
from keras_gan.callbacks.stateful import Interval, StatefulCallback, StepMeans
from keras_gan.errors import UserError
from keras_gan.types import Logs
from keras_gan.variables import number


class AdaptiveAugmentation(StatefulCallback):
    """Adapts the probability of a model's `augmentation.Augmentation`, to keep the discriminator from memorising.

    If the discriminator tells more than `target` of the pairs of a real and a fake image apart, the probability rises
    by a constant amount; otherwise it falls by the same amount. The callback adds `augmentation`, the probability, to
    the logs of an epoch.

    Args:
        target: wanted value of `d_accuracy`, in (0.5, 1). The paper looks at the signs of the real logits instead, but
            these say nothing if only differences of logits count, as in the relativistic loss.
        every: int >= 1, number of steps between two changes. If Keras executes more steps in a row
            (`steps_per_execution`), the changes are fewer and as much larger.
        steps: int >= 1, number of steps in which the probability would go from 0 to 1.
        maximum: largest probability, in (0, 1]. Above 0.8 transformations begin to show in generated images.

    Raises:
        UserError: if an argument is out of its range, or, from `fit()`, if the model has no `Augmentation`.

    Examples:
        >>> gan = kg.GAN(generator, discriminator, kg.augmentation.Augmentation())
        >>> gan.compile()
        >>> gan.fit(images, labels, callbacks=[kg.callbacks.AdaptiveAugmentation(target=0.8)])

    Source: Karras et al., "Training Generative Adversarial Networks with Limited Data", arXiv:2006.06676, section 3.
    """

    def __init__(self, target: float = 0.85, every: int = 4, steps: int = 5000, maximum: float = 0.8) -> None:
        super().__init__()
        if not 0.5 < target < 1.0:
            raise UserError(f"target must be in (0.5, 1), got {target!r}")
        if every < 1 or steps < 1:
            raise UserError(f"every and steps must be at least 1, got {every} and {steps}")
        if not 0.0 < maximum <= 1.0:
            raise UserError(f"maximum must be in (0, 1], got {maximum!r}")
        self.target, self.every, self.steps, self.maximum = target, every, steps, maximum
        self._means, self._interval = StepMeans(), Interval(every)

    def on_train_begin(self, logs: Logs = None) -> None:
        if not isinstance(self.model.augmentation, Augmentation):
            raise UserError(
                "AdaptiveAugmentation needs a GAN with an augmentation.Augmentation, whose probability it moves"
            )
        self._interval.begin(int(self.model.step))

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        if batch == 0:
            self._means.begin_epoch(self.model)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        passed = self._interval.passed(int(self.model.step))
        if not passed:
            return
        means = self._means.take(self.model)
        if not means:  # A rollback at this step has reset the metrics.
            return
        move = passed * self.every / self.steps * (1 if means["d_accuracy"] > self.target else -1)
        probability = self.model.augmentation.probability
        probability.assign(min(max(number(probability) + move, 0.0), self.maximum))

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if logs is not None:
            logs["augmentation"] = number(self.model.augmentation.probability)

    def on_rollback(self) -> None:
        self._means.seen = {}

    def get_state(self) -> dict:
        return {"seen": self._means.seen}

    def set_state(self, state: dict) -> None:
        self._means.seen = state["seen"]
