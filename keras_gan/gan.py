"""The adversarial game as one `keras.Model`."""

from collections.abc import Callable, Iterable
from typing import Any, Self

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from numpy.typing import ArrayLike

from keras_gan import checks, copies, layers, losses, optimizers, sampling, variables
from keras_gan import regularizers as own_regularizers
from keras_gan.errors import UserError
from keras_gan.types import StrPath, Tensor

# The purposes of stateless draws: within a step, draws of different purposes must be independent.
_DISCRIMINATOR, _GENERATOR, _PENALTY, _EVALUATION, _AUGMENTATION = range(5)


@keras.saving.register_keras_serializable(package="keras_gan")
class GAN(keras.Model):
    """A generator and a discriminator that train each other in `fit()`.

    The GAN is conditional if both networks have a second input, one-hot labels `(batch, num_classes)`; `fit()` then
    needs labels. Data are images `(batch, height, width, channels)`, uint8 in [0, 255] or float in [-1, 1], or tensors
    of any other shape (such as points `(batch, 2)`), alone or as `(data, labels)`. Labels are integers `(batch,)` in
    [0, num_classes) or a float matrix `(batch, num_classes)`.

    Args:
        generator: functional model, latents `(batch, latent_dim)` or `[latents, labels]` -> images.
        discriminator: functional model, images or `[images, labels]` -> logits `(batch, ..., heads)`.
        augmentation: `None`, or a differentiable function `(images, seed) -> images` that is applied to everything the
            discriminator sees; `seed` is an int64 tensor `(2,)` for `tf.random.stateless_*`, in each update one seed
            for real and fake images. To save the model, register the function with Keras.
        ema_decay: decay of the exponential moving average that makes `ema_generator`, in [0, 1). In the first steps it
            is smaller: `min(ema_decay, (1 + step) / (10 + step))`.
        seed: int >= 0, from which all random draws are made; drawn at random when `None`.

    Raises:
        UserError: if the networks do not fit each other.

    Examples:
        >>> generator, discriminator = kg.networks.dcgan(image_shape=(28, 28, 1), num_classes=10)
        >>> gan = kg.GAN(generator, discriminator)
        >>> gan.compile()
        >>> gan.fit(images, labels, batch_size=64, epochs=10)
        >>> sevens = gan.generate(16, labels=7, seed=0)

    Sources: Goodfellow et al., arXiv:1406.2661; the conditional GAN: Mirza and Osindero, arXiv:1411.1784; the averaged
    generator: Yazici et al., arXiv:1806.04498.
    """

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        augmentation: Callable | None = None,
        ema_decay: float = 0.999,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        checks.check_networks(generator, discriminator)
        if not 0.0 <= ema_decay < 1.0:
            raise UserError(f"ema_decay must be in [0, 1), got {ema_decay!r}")
        self.generator = generator
        self.discriminator = discriminator
        self.augmentation = augmentation
        self.ema_decay = ema_decay
        if seed is not None and not 0 <= seed < 2**63:
            raise UserError(f"seed must be an int >= 0 that fits 64 bits, got {seed}")
        self.seed = int(np.random.SeedSequence().generate_state(1)[0]) if seed is None else int(seed)
        self.expected_data = checks.Expected(self.sample_shape, self.num_classes, layers.packing_of(discriminator))
        self._range_watch = checks.RangeWatch()
        self.ema_generator = copies.float32_copy(generator)
        self._render = sampling.renderer(self.ema_generator)
        copies.check_copyable(discriminator)  # export() copies it: better an error now than after the training.
        copies.warn_of_unregistered(generator=generator, discriminator=discriminator, augmentation=augmentation)
        self.step, self.skipped = variables.Counter("step"), variables.Counter("skipped")
        self.built = True

    @property
    def latent_dim(self) -> int:
        """Length of the latents."""
        return self.generator.inputs[0].shape[-1]

    @property
    def num_classes(self) -> int | None:
        """Number of classes, `None` when unconditional."""
        return self.generator.inputs[1].shape[-1] if len(self.generator.inputs) == 2 else None

    @property
    def sample_shape(self) -> tuple[int, ...]:
        """Shape of one sample: `(height, width, channels)` for images."""
        return tuple(self.generator.outputs[0].shape[1:])

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Another name of `sample_shape`."""
        return self.sample_shape

    def compile(
        self,
        generator_optimizer: keras.optimizers.Optimizer | str | None = None,
        discriminator_optimizer: keras.optimizers.Optimizer | str | None = None,
        loss: "losses.AdversarialLoss | str | None" = None,
        regularizers: "Iterable[own_regularizers.Regularizer | str] | None" = None,
        discriminator_steps: int = 1,
        metrics: Iterable[keras.metrics.Metric] = (),
        **kwargs: Any,
    ) -> None:
        """Sets how the game is played.

        Args:
            generator_optimizer, discriminator_optimizer: two Keras optimizers, or their names;
                `Adam(2e-3, beta_1=0.0, beta_2=0.99)` when `None`.
            loss: an `AdversarialLoss`, or its name in the settings; `NonSaturating()` when `None`.
            regularizers: `Regularizer` objects or names, penalties on the discriminator; `[R1(0.3)]` when `None`.
            discriminator_steps: updates of the discriminator in each step. Each sees new fakes, with the labels of the
                same batch.
            metrics: Keras metrics with `update_state(real, fake)` on float images in [-1, 1], for `evaluate()` and
                `validation_data`.
            **kwargs: `jit_compile`, `run_eagerly`, `steps_per_execution` of `keras.Model.compile`.

        Raises:
            UserError: if an argument is of another kind or out of its range, or two optimizers or names are the same.
        """
        checks.check_compile_options(kwargs, discriminator_steps)
        players = checks.optimizers_of(generator_optimizer, discriminator_optimizer)
        self.adversarial_loss = checks.loss_of(loss)
        self.regularizers = checks.regularizers_of(regularizers)
        self.evaluation_metrics = checks.metrics_of(metrics)
        super().compile(optimizer=None, **kwargs)
        networks = self.generator, self.discriminator
        self.generator_optimizer, self.discriminator_optimizer = map(optimizers.prepare_optimizer, players, networks)
        for regularizer in self.regularizers:
            regularizer.prepare(self.discriminator.outputs[0].shape)
        self.discriminator_steps = discriminator_steps
        self._compile_options = kwargs
        names = ["d_loss", "g_loss", "d_real", "d_fake", "d_accuracy", *(r.name for r in self.regularizers)]
        self._trackers = {name: keras.metrics.Mean(name) for name in names}
        self._evaluation_batches = keras.metrics.Sum("evaluation_batches")

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        if not self.compiled:
            return []
        return [*self._trackers.values(), *self.evaluation_metrics, self._evaluation_batches]

    def fit(self, x: Any = None, y: Any = None, *args: Any, **kwargs: Any) -> keras.callbacks.History:
        """Trains as `keras.Model.fit` does, and checks the data: arrays before the training, all others by the batch.

        Raises:
            UserError: if data contain NaN, float images are outside [-1, 1], labels are missing or out of range, or
                there is validation data but no metric; if a callback of Keras needs the one optimizer of other models.
        """
        with checks.one_line_errors():
            return super().fit(**checks.fit_arguments(self, x, y, *args, **kwargs))

    def evaluate(self, x: Any = None, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Returns the compiled metrics as `keras.Model.evaluate` does, and checks the data as `fit` does."""
        with checks.one_line_errors():
            return super().evaluate(**checks.evaluation_arguments(self, x, y, *args, **kwargs))

    def train_on_batch(self, x: Any, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Trains one step as `keras.Model.train_on_batch` does, and checks the batch as `fit` does."""
        return super().train_on_batch(*checks.checked_batch(self, x, y), *args, **kwargs)

    def test_on_batch(self, x: Any, y: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Returns the metrics of a batch as `keras.Model.test_on_batch` does, and checks the batch as `fit` does."""
        return super().test_on_batch(*checks.checked_batch(self, x, y), *args, **kwargs)

    def call(self, inputs: Tensor | list[Tensor], training: bool = False) -> Tensor:
        """Returns samples of the averaged generator, for latents or `[latents, labels]`."""
        checks.check_inputs(inputs, self.latent_dim, self.num_classes)
        return self.ema_generator(inputs, training=False)

    def train_step(self, data: Any) -> dict[str, Tensor]:
        real, labels = self._unpack(data)
        frozen = layers.frozen_weights(self.generator) + layers.frozen_weights(self.discriminator)
        fixed = {id(weight) for weight in (*self.ema_generator.weights, *frozen, self.step, self.skipped)}
        statistics = [weight for weight in self.non_trainable_weights if id(weight) not in fixed]
        before = [tf.identity(weight.value) for weight in statistics]
        finite = [self._train_discriminator(real, labels, repeat) for repeat in range(self.discriminator_steps)]
        finite = ops.all(ops.stack([*finite, self._train_generator(real, labels)]))
        for weight, value in zip(statistics, before):
            weight.assign(ops.where(finite, weight, value))
        averages = [average for average, weight in self._averages() if not weight.trainable]
        optimizers.average_over_replicas([*statistics, *averages])
        self.skipped.assign(ops.where(finite, 0, self.skipped + 1))
        self.step.assign_add(1)
        return {name: tracker.result() for name, tracker in self._trackers.items()}

    def _train_discriminator(self, real, labels, repeat):
        seed = self._seed(_DISCRIMINATOR, repeat)
        fake = ops.cast(self._generate_like(real, labels, seed), "float32")
        scorer = own_regularizers.Scorer(lambda samples: self._discriminate(samples, labels, seed))
        with tf.GradientTape() as tape:
            penalties = {
                regularizer.name: ops.mean(regularizer.penalty(scorer, real, fake, self._seed(_PENALTY, repeat)))
                for regularizer in self.regularizers
            }
            real_logits, fake_logits = scorer.logits(real), scorer.logits(fake)
            loss = ops.mean(self.adversarial_loss.discriminator_loss(real_logits, fake_logits))
            total = loss + sum(penalties.values())
            scaled = optimizers.scale_loss(total, self.discriminator_optimizer)
        finite = optimizers.apply_if_finite(tape, total, scaled, self.discriminator, self.discriminator_optimizer)
        real_score, fake_score = map(self.adversarial_loss.score, (real_logits, fake_logits))
        self._track(
            penalties,
            d_loss=loss,
            d_real=ops.mean(real_score),
            d_fake=ops.mean(fake_score),
            d_accuracy=ops.mean(ops.cast(real_score > fake_score, "float32")),
        )
        return finite

    def _train_generator(self, real, labels):
        seed = self._seed(_GENERATOR)
        real_logits = self._discriminate(real, labels, seed) if self.adversarial_loss.paired else None
        with tf.GradientTape() as tape:
            fake = self._generate_like(real, labels, seed)
            fake_logits = self._discriminate(fake, labels, seed)
            loss = ops.mean(self.adversarial_loss.generator_loss(real_logits, fake_logits))
            scaled = optimizers.scale_loss(loss, self.generator_optimizer)
        self._track(g_loss=loss)
        then = self._update_ema_generator
        return optimizers.apply_if_finite(tape, loss, scaled, self.generator, self.generator_optimizer, then)

    def _update_ema_generator(self):
        step = ops.cast(self.step, "float32")
        decay = ops.minimum(self.ema_decay, (1.0 + step) / (10.0 + step))
        for average, weight in self._averages():
            average.assign_add((1.0 - decay) * (weight - average))

    def _averages(self):
        return zip(self.ema_generator.weights, self.generator.weights)

    def test_step(self, data: Any) -> dict[str, Tensor]:
        """Updates the compiled metrics with real images and as many samples of the averaged generator.

        The latents of the samples are the same in each evaluation.
        """
        if not self.evaluation_metrics:
            raise UserError("nothing to evaluate: give compile() metrics")
        real, labels = self._unpack(data)
        batch = ops.cast(self._evaluation_batches.result(), "int64")
        self._evaluation_batches.update_state(1.0)
        latents = self._latents(tf.shape(real)[0], self._seed(_EVALUATION, batch, step=0))
        fake = self.ema_generator(_inputs(latents, labels), training=False)
        for metric in self.evaluation_metrics:
            metric.update_state(real, fake)
        return {metric.name: metric.result() for metric in self.evaluation_metrics}

    def generate(
        self, num: int, labels: ArrayLike | None = None, seed: int = 0, truncation: float | None = None
    ) -> np.ndarray:
        """Draws samples of the averaged generator.

        Sample `i` depends only on `seed + i`, its label and `truncation`, however many samples are drawn. (Rounding may
        move a pixel by one level, because sums are computed in another order at another batch size.)

        Args:
            num: number of samples, an int >= 1.
            labels: for conditional models an int for all samples, or `num` ints, or float rows `(num, num_classes)`;
                when `None`, the classes take turns.
            seed: int >= 0.
            truncation: float > 0; latents are drawn from N(0, 1) cut to [-truncation, truncation]. Samples become more
                typical and less varied. `None` does not cut.

        Returns:
            uint8 array `(num, height, width, channels)`; for data that are not images float32 `(num, ...)`.

        Raises:
            UserError: if an argument is out of its range, or an unconditional model is given labels.

        Source of truncation: Brock et al., arXiv:1809.11096, section 3.1.
        """
        return sampling.sample(
            self.generate_from_latents, num, labels, seed, truncation, self.latent_dim, self.num_classes
        )

    def generate_from_latents(self, latents: Tensor, labels: Tensor | None = None) -> np.ndarray:
        """Makes samples, as `generate` returns them, of latents `(num, latent_dim)` and rows `(num, num_classes)`."""
        return ops.convert_to_numpy(self._render(latents, labels))

    def save(self, filepath: StrPath, *args: Any, **kwargs: Any) -> None:
        """Saves as `keras.Model.save` does, in the format `.keras` only: HDF5 cannot hold two optimizers."""
        checks.check_save_path(filepath, kwargs)
        super().save(filepath, *args, **kwargs)  # pyright: ignore[reportCallIssue]  # Keras's decorator hides it.

    def export(self, filepath: StrPath, format: str = "tf_saved_model") -> None:
        """Writes a SavedModel for TensorFlow and TF Serving, as `keras_gan.export.export_saved_model` does."""
        checks.check_export_format(format)
        from keras_gan.export import export_saved_model

        export_saved_model(self, filepath)

    def _unpack(self, data):
        return checks.unpacked(data, self.expected_data)

    def _seed(self, *purpose, step=None):
        """Returns a seed for stateless draws, a function of (seed, step, replica, purpose)."""
        seed = tf.stack([tf.constant(self.seed, "int64"), ops.cast(self.step if step is None else step, "int64")])
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        for part in (replica, *purpose):
            seed = tf.random.experimental.stateless_fold_in(seed, tf.cast(part, "int64"))
        return seed

    def _latents(self, batch, seed):
        return tf.random.stateless_normal((batch, self.latent_dim), seed, alg="philox")

    def _generate_like(self, real, labels, seed):
        """Makes fakes, as many as there are real samples and with the same labels.

        The labels of a shuffled batch are already random draws from the distribution of the data. Sharing them pairs
        each fake with a real sample of its own class, which paired losses need.
        """
        return self.generator(_inputs(self._latents(tf.shape(real)[0], seed), labels), training=True)

    def _discriminate(self, images, labels, seed):
        if self.augmentation is not None:
            images = self.augmentation(images, tf.random.experimental.stateless_fold_in(seed, _AUGMENTATION))
        return ops.cast(self.discriminator(_inputs(images, labels), training=True), "float32")

    def _track(self, values=(), **more):
        for name, value in {**dict(values), **more}.items():
            self._trackers[name].update_state(value)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "generator": copies.config_of(self.generator),
            "discriminator": copies.config_of(self.discriminator),
            "augmentation": keras.saving.serialize_keras_object(self.augmentation),
            "ema_decay": self.ema_decay,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config: dict, custom_objects: dict | None = None) -> Self:
        parts = {
            key: keras.saving.deserialize_keras_object(config[key], custom_objects)
            for key in ("generator", "discriminator", "augmentation")
        }
        return cls(**{**config, **parts})

    def get_compile_config(self) -> dict:
        if not self.compiled:
            return {}
        parts = {
            "generator_optimizer": self.generator_optimizer,
            "discriminator_optimizer": self.discriminator_optimizer,
            "loss": self.adversarial_loss,
            "regularizers": self.regularizers,
            "discriminator_steps": self.discriminator_steps,
            "metrics": self.evaluation_metrics,
            **self._compile_options,
        }
        return {key: keras.saving.serialize_keras_object(part) for key, part in parts.items()}

    def compile_from_config(self, config: dict) -> None:
        if config:
            self.compile(**{key: keras.saving.deserialize_keras_object(part) for key, part in config.items()})

    def save_own_variables(self, store: Any) -> None:
        for name, variable in self._own_variables().items():
            store[name] = ops.convert_to_numpy(variable)

    def load_own_variables(self, store: Any) -> None:
        for name, variable in self._own_variables().items():
            variable.assign(store[name])

    def _own_variables(self):
        """Returns what Keras does not save with the networks: the step, and the seeds of layers such as Dropout."""
        networks = self.discriminator, self.generator
        weights = {id(weight) for network in networks for weight in network.weights}
        seeds = [v for network in networks for v in network.variables if id(v) not in weights]
        return {"step": self.step, **{f"layer_seed_{index}": seed for index, seed in enumerate(seeds)}}


def _inputs(first, labels):
    return first if labels is None else [first, labels]
