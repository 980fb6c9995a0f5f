"""The conditional GAN of the Keras documentation on MNIST by the clock: what `speedrun.py` is to be compared with.

    TFDS_DATA_DIR=... python benchmarks/keras_example.py --minutes 2.5 --minutes 5 --minutes 10

The networks and settings of keras.io/examples/generative/conditional_gan, in code of our own, under `fit`: labels as
ten more channels, 64 images in a step, Adam at 3e-4, cross-entropy. Its clock starts with the training, after imports
and reading, which that of `speedrun.py` counts, and stands still while samples are drawn. Each figure is of 10,000
samples, measured as there.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import time

import click
import keras
import numpy as np
import tensorflow as tf
from keras import layers

import keras_gan as kg
from keras_gan import metrics

LATENT_DIM, CLASSES, BATCH = 128, 10, 64


def discriminator():
    return keras.Sequential(
        [
            keras.Input((28, 28, 1 + CLASSES)),
            layers.Conv2D(64, 3, strides=2, padding="same"),
            layers.LeakyReLU(0.2),
            layers.Conv2D(128, 3, strides=2, padding="same"),
            layers.LeakyReLU(0.2),
            layers.GlobalMaxPooling2D(),
            layers.Dense(1),
        ]
    )


def generator():
    size = LATENT_DIM + CLASSES
    return keras.Sequential(
        [
            keras.Input((size,)),
            layers.Dense(7 * 7 * size),
            layers.LeakyReLU(0.2),
            layers.Reshape((7, 7, size)),
            layers.Conv2DTranspose(128, 4, strides=2, padding="same"),
            layers.LeakyReLU(0.2),
            layers.Conv2DTranspose(128, 4, strides=2, padding="same"),
            layers.LeakyReLU(0.2),
            layers.Conv2D(1, 7, padding="same", activation="sigmoid"),
        ]
    )


class ConditionalGAN(keras.Model):
    """Both players, with a training step as in the example."""

    def __init__(self):
        super().__init__()
        self.discriminator, self.generator = discriminator(), generator()
        self.optimizers = [keras.optimizers.Adam(3e-4), keras.optimizers.Adam(3e-4)]
        self.loss_of = keras.losses.BinaryCrossentropy(from_logits=True)

    def generate(self, labels):
        latents = tf.random.normal((tf.shape(labels)[0], LATENT_DIM))
        return self.generator(tf.concat([latents, labels], 1))

    def judge(self, images, labels):
        shape = tf.concat([tf.shape(images)[:3], [CLASSES]], 0)
        return self.discriminator(tf.concat([images, tf.broadcast_to(labels[:, None, None, :], shape)], -1))

    def train_step(self, data):
        images, labels = data
        fakes = self.generate(labels)
        both, both_labels = tf.concat([fakes, images], 0), tf.concat([labels, labels], 0)
        is_fake = tf.concat([tf.ones((tf.shape(images)[0], 1)), tf.zeros((tf.shape(images)[0], 1))], 0)
        d_loss = self._update(self.discriminator, self.optimizers[0], lambda: self.judge(both, both_labels), is_fake)
        wanted = tf.zeros((tf.shape(images)[0], 1))
        g_loss = self._update(
            self.generator, self.optimizers[1], lambda: self.judge(self.generate(labels), labels), wanted
        )
        return {"d_loss": d_loss, "g_loss": g_loss}

    def _update(self, network, optimizer, judgement, wanted):
        with tf.GradientTape() as tape:
            loss = self.loss_of(wanted, judgement())
        optimizer.apply_gradients(zip(tape.gradient(loss, network.trainable_weights), network.trainable_weights))
        return loss


class ByTheClock(keras.callbacks.Callback):
    """Draws samples at the given minutes, and ends the training with the last of them."""

    def __init__(self, minutes, labels):
        super().__init__()
        self.left, self.labels, self.found = sorted(minutes), labels, []
        self.begun, self.paused = None, 0.0

    def on_train_begin(self, logs=None):
        self.begun = time.time()

    def on_train_batch_end(self, batch, logs=None):
        passed = (time.time() - self.begun - self.paused) / 60
        if passed < self.left[0]:
            return
        start = time.time()
        rows = np.array_split(np.eye(CLASSES, dtype="float32")[self.labels], 40)
        images = np.concatenate([self.model.generate(tf.constant(each)).numpy() for each in rows])
        self.found.append((passed, int(self.model.optimizers[0].iterations.numpy()), np.round(255 * images)))
        self.paused += time.time() - start
        self.left.pop(0)
        self.model.stop_training = not self.left


@click.command()
@click.option("--minutes", multiple=True, type=float, default=(2.5, 5.0, 10.0), show_default=True)
@click.option("--dataset", default="mnist", show_default=True)
@click.option("--num", default=10_000, show_default=True, help="Samples.")
def main(minutes, dataset, num):
    data, _, _ = kg.datasets.load_with_held_out(dataset)
    labels = metrics.draw_labels(data, num)
    images = data.images.astype("float32") / 255.0
    rows = np.eye(CLASSES, dtype="float32")[data.labels]
    batches = tf.data.Dataset.from_tensor_slices((images, rows)).shuffle(1024).batch(BATCH).repeat()
    model, clock = ConditionalGAN(), ByTheClock(minutes, labels)
    model.compile()
    model.fit(batches, epochs=10**6, steps_per_epoch=len(images) // BATCH, verbose=0, callbacks=[clock])
    extractor = metrics.dataset_classifier(data)
    reference = metrics.statistics_of(extractor(data.images)[0])
    for passed, steps, samples in clock.found:
        features, probabilities = extractor(samples.astype("uint8"))
        accuracy = float((probabilities.argmax(axis=1) == labels).mean())
        print(
            f"{passed:5.1f} min  {steps:6,} steps  {BATCH * steps / passed / 60:6,.0f} images/s  "
            f"FCD {metrics.frechet_distance(reference, features):6.2f}  label accuracy {accuracy:.2%}",
            flush=True,
        )


if __name__ == "__main__":
    main()
