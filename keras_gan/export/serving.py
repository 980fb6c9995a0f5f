"""Writes the files that TF Serving reads beside a SavedModel: warm-up requests and configuration.

Sources: https://www.tensorflow.org/tfx/serving/saved_model_warmup, .../serving_config.
"""

from pathlib import Path

import tensorflow as tf
from google.protobuf import text_format
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2
from tensorflow_serving.config import model_server_config_pb2

from keras_gan.errors import UserError
from keras_gan.types import StrPath

WARMUP = Path("assets.extra") / "tf_serving_warmup_requests"
MODELS, BATCHING, COMPOSE = "models.config", "batching.config", "docker-compose.yml"
# Numbers of rows in the requests that warm a model up. The last is the number that the server computes at once.
BATCH_SIZES = (1, 8, 32)
# Largest number of rows in a request. The server computes large requests in parts.
MAX_ROWS = 10_000

BATCHING_TEXT = f"""\
max_batch_size {{ value: {MAX_ROWS} }}
max_execution_batch_size {{ value: {BATCH_SIZES[-1]} }}
enable_large_batch_splitting {{ value: true }}
batch_timeout_micros {{ value: 2000 }}
max_enqueued_batches {{ value: 1000 }}
num_batch_threads {{ value: 4 }}
"""

COMPOSE_TEXT = f"""\
services:
  serving:
    image: tensorflow/serving
    command:
      - "--model_config_file={{base}}/{MODELS}"
      - --model_config_file_poll_wait_seconds=60
      - --allow_version_labels_for_unavailable_models
      - --enable_batching
      - "--batching_parameters_file={{base}}/{BATCHING}"
    ports:
      - "127.0.0.1:8500:8500"
      - "127.0.0.1:8501:8501"
    volumes:
      - ".:{{base}}:ro"
    restart: unless-stopped
"""


def write_warmup(saved_model: StrPath, signatures: dict) -> None:
    """Writes requests that TF Serving sends to a model when it loads it, so that the first user does not wait.

    Args:
        saved_model: folder of the SavedModel.
        signatures: for the name of each signature its inputs, a list of `tf.TensorSpec`. Their first dimension is the
            number of rows.
    """
    path = Path(saved_model) / WARMUP
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as file:
        for name, inputs in signatures.items():
            for rows in BATCH_SIZES:
                request = predict_pb2.PredictRequest()
                request.model_spec.signature_name = name
                for spec in inputs:
                    zeros = tf.zeros((rows, *spec.shape[1:]), spec.dtype)
                    request.inputs[spec.name].CopyFrom(tf.make_tensor_proto(zeros))
                log = prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))
                file.write(log.SerializeToString())


def models_in(root: StrPath) -> list[str]:
    """Returns the names of the folders that hold numbered SavedModels, in order."""
    found = {path.parent.parent.name for path in Path(root).glob("*/*/saved_model.pb") if path.parent.name.isdigit()}
    return sorted(found)


def write_config(root: StrPath, base: str = "/models") -> list[Path]:
    """Writes the files that `tensorflow_model_server` and Docker Compose need to serve all models of a folder.

    If `models.config` exists, its settings of a model, such as which versions to load, are kept.

    Args:
        root: folder of models, `<name>/<version>/saved_model.pb`.
        base: path at which the server finds the folder; Docker Compose mounts it there.

    Returns:
        the files: models, batching, Docker Compose.

    Raises:
        UserError: if there is no model, or `models.config` exists and cannot be read.
    """
    names = models_in(root)
    if not names:
        raise UserError(f"{root} holds no models: export one to {Path(root) / 'NAME'} first")
    before = _models_before(Path(root) / MODELS)
    config = model_server_config_pb2.ModelServerConfig()
    for name in names:
        entry = config.model_config_list.config.add()
        if name in before:
            entry.CopyFrom(before[name])
        entry.name, entry.base_path, entry.model_platform = name, f"{base}/{name}", "tensorflow"
    compose = COMPOSE_TEXT.format(base=base)
    texts = {MODELS: text_format.MessageToString(config), BATCHING: BATCHING_TEXT, COMPOSE: compose}
    files = []
    for name, text in texts.items():
        files.append(Path(root) / name)
        files[-1].write_text(text)
    return files


def _models_before(path):
    """Returns the entries of a `models.config` by name, none if there is no such file."""
    config = model_server_config_pb2.ModelServerConfig()
    if path.exists():
        try:
            text_format.Parse(path.read_text(), config)
        except text_format.ParseError as error:
            raise UserError(f"{path} cannot be read: {error}; mend it, or move it away") from None
    return {entry.name: entry for entry in config.model_config_list.config}
