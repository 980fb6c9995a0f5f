"""Presets: named settings, each with its command, the time that it takes, and the score that was measured."""

from keras_gan.presets.config import Config
from keras_gan.presets.settings import choose


def quick() -> Config:
    """Narrow convolutional networks, cross-entropy with R1: the best pictures after two minutes.

    `train --dataset mnist --conditional --minutes 2` on two cores: FCD 0.69 to 0.73, label accuracy 99.2 to 99.4 % over
    three seeds (`evaluate`).
    """
    return dcgan().replace(width=32, batch_size=32, learning_rate=3e-3)


def dcgan() -> Config:
    """Transposed and strided convolutions of 64 channels, cross-entropy with R1, a learning rate that falls to 0.

    `train --dataset mnist --conditional --preset dcgan --minutes 2` on two cores, with version 0.1.0: FCD 0.9 to 1.0,
    label accuracy 99.2 to 99.3 % over three seeds (`evaluate`).
    """
    return Config(
        r1=0.3,
        learning_rate=2e-3,
        schedule="cosine",
        beta_1=0.0,
        beta_2=0.99,
        ema_decay=0.999,
        minutes=2.0,
    )


def mlp() -> Config:
    """The first GAN with the settings of tutorials: dense networks, cross-entropy, Adam 2e-4.

    `train --dataset mnist --conditional --preset mlp`, two and a half minutes on two cores: FCD 42, label
    accuracy 95.2 % (`evaluate`).
    """
    return Config(
        generator="mlp",
        discriminator="mlp",
        latent_dim=100,
        ema_decay=0.0,
        epochs=10,
        precision="float32",
    )


def cnn() -> Config:
    """A convolutional generator against a dense discriminator."""
    return dcgan().replace(discriminator="mlp")


def relativistic() -> Config:
    """The networks of `dcgan` with the objective of R3GAN: a step takes twice as long; the best from ten minutes on.

    `train --dataset mnist --conditional --preset relativistic --epochs 20`, 19 minutes on one core: FCD 0.29, while
    held-out real images have 0.36 (`evaluate`; one seed). Source: Huang et al., arXiv:2501.05441, section 2.
    """
    return dcgan().replace(loss="relativistic", r2=0.3, minutes=10.0)


def resnet() -> Config:
    """`relativistic` with a residual generator.

    MNIST, conditional, 10,000 steps, 14 minutes on one core: FCD 0.59; `relativistic` has 0.41 after 12 minutes
    (`compare`; one seed). It is meant for data of many kinds: on Stacked-MNIST its generator has a divergence of 0.048
    after 6,000 steps, that of `dcgan` 0.082 (docs/benchmarks.md; one seed).

    Source: Huang et al., arXiv:2501.05441, section 3. Their discriminator has residual blocks too, which here cost more
    time than they are worth.
    """
    return relativistic().replace(generator="resnet")


PRESETS = {"quick": quick, "dcgan": dcgan, "relativistic": relativistic, "resnet": resnet, "mlp": mlp, "cnn": cnn}


def preset(name: str) -> Config:
    """Returns the settings of a preset.

    Raises:
        UserError: if there is no preset of that name.
    """
    return PRESETS[choose("preset", name, PRESETS)]()
