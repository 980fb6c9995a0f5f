import base64
import concurrent.futures
import contextlib
import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import grpc
import keras
import numpy as np
import pytest
import serving_double
import tensorflow as tf
from commands import fails
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format, wrappers_pb2
from same import same_images
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2, prediction_service_pb2_grpc
from tensorflow_serving.config import model_server_config_pb2

import keras_gan as kg
from keras_gan.export.serving import BATCHING, COMPOSE, MODELS, WARMUP, write_config

SERVER = shutil.which("tensorflow_model_server")


def gray_gan():
    """A GAN whose images are gray whatever the latents: its weights are zero."""
    gan = kg.GAN(kg.networks.mlp_generator((2, 2, 1), 3, 4, units=(4,)), kg.networks.mlp_discriminator((2, 2, 1), 3))
    gan.compile()
    for weight in gan.ema_generator.weights:
        weight.assign(keras.ops.zeros_like(weight))
    return gan


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A folder of two models, `digits` and `gray`, and the GAN of the first."""
    keras.utils.set_random_seed(0)
    root = tmp_path_factory.mktemp("models")
    gan = kg.GAN(*kg.networks.dcgan((8, 8, 1), 3, latent_dim=4), seed=1)
    gan.compile()
    gan.export(root / "digits" / "1")
    gray_gan().export(root / "gray" / "1")
    return root, gan


def signatures(root, name="digits"):
    (graph,) = SavedModel.FromString((root / name / "1" / "saved_model.pb").read_bytes()).meta_graphs
    return graph.signature_def


def place(tensor):
    operation, index = tensor.name.split(":")
    return operation, int(index)


def test_the_c_api_runs_every_signature_without_python_tensorflow(models):
    root, gan = models
    known = signatures(root)
    latents = np.random.default_rng(0).normal(size=(2, 4)).astype("float32")
    image = gan.generate(2, labels=[1, 2], seed=5)
    label = ([1, 2], "int64")
    rows = np.array([[1, 0, 1], [0.5, 0.5, 0]], "float32")
    fed = {
        "generate": {"seed": ([5, 6], "int64"), "label": label},
        "serving_default": {"seed": ([5, 6], "int64"), "label": label},
        "generate_png": {"seed": ([5, 6], "int64"), "label": label},
        "generate_from_latents": {"latents": (latents.tolist(), "float32"), "label": label},
        "discriminate": {"image": (image.tolist(), "uint8"), "label": label},
        "generate_rows": {"seed": ([5, 6], "int64"), "labels": (rows.tolist(), "float32")},
        # Mistakes, each an error.
        "label": {"seed": ([5, 6], "int64"), "label": ([1, 3], "int64")},
        "rows": {"seed": ([0] * 10_001, "int64"), "label": ([0] * 10_001, "int64")},
        "NaN": {"latents": ([[np.nan] * 4] * 2, "float32"), "label": label},
    }
    signature_of = {"label": "generate", "rows": "generate", "NaN": "generate_from_latents"}
    requests = []
    for name, inputs in fed.items():
        signature = known[signature_of.get(name, name)]
        (output,) = signature.outputs.values()
        placed = [[*place(signature.inputs[key]), *value] for key, value in inputs.items()]
        requests.append({"folder": str(root / "digits" / "1"), "inputs": placed, "output": place(output)})
    done = subprocess.run(
        [sys.executable, Path(__file__).parent / "c_api.py"],
        input=json.dumps(requests),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers = dict(zip(fed, json.loads(done.stdout.splitlines()[-1])))
    for name in ("generate", "serving_default"):
        np.testing.assert_array_equal(np.reshape(answers[name]["values"], answers[name]["shape"]), image)
    many = gan.generate(2, labels=rows, seed=5)
    np.testing.assert_array_equal(np.reshape(answers["generate_rows"]["values"], many.shape), many)
    for data, one in zip(answers["generate_png"]["values"], image):
        np.testing.assert_array_equal(tf.io.decode_png(base64.b64decode(data)), one)
    assert answers["generate_from_latents"]["shape"] == [2, 8, 8, 1]
    logits = gan.discriminator([image / np.float32(127.5) - 1.0, np.eye(3, dtype="float32")[[1, 2]]])[:, 0]
    np.testing.assert_allclose(answers["discriminate"]["values"], logits, atol=1e-4)
    assert "label must be in [0, 3)" in answers["label"]["error"]
    assert "at most 10,000 rows" in answers["rows"]["error"]
    assert "latents must be finite" in answers["NaN"]["error"]


def test_saved_model_cli_shows_and_runs(models, tmp_path):
    root, gan = models
    command = [Path(sys.executable).parent / "saved_model_cli"]
    folder = ["--dir", root / "digits" / "1"]
    shown = subprocess.run([*command, "show", *folder, "--all"], capture_output=True, text=True, check=True).stdout
    assert all(f"signature_def['{name}']" in shown for name in signatures(root))
    arguments = ["--tag_set", "serve", "--signature_def", "generate", "--input_exprs", "seed=[5];label=[1]"]
    subprocess.run(
        [*command, "run", *folder, *arguments, "--outdir", tmp_path], capture_output=True, text=True, check=True
    )
    np.testing.assert_array_equal(np.load(tmp_path / "image.npy"), gan.generate(1, labels=1, seed=5))


def test_every_warmup_request_replays(models):
    root, _ = models
    model = tf.saved_model.load(str(root / "digits" / "1"))
    seen = {}
    for record in tf.data.TFRecordDataset(str(root / "digits" / "1" / WARMUP)):
        request = prediction_log_pb2.PredictionLog.FromString(record.numpy()).predict_log.request
        inputs = {key: tf.constant(tf.make_ndarray(value)) for key, value in request.inputs.items()}
        (output,) = model.signatures[request.model_spec.signature_name](**inputs).values()
        seen.setdefault(request.model_spec.signature_name, []).append(len(output))
    assert seen == {name: [1, 8, 32] for name in model.signatures}


def batching_message():
    """`BatchingParameters` of TF Serving's session_bundle_config.proto, which its package of messages leaves out."""
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    file = descriptor_pb2.FileDescriptorProto(name="batching.proto", package="tensorflow.serving", syntax="proto3")
    file.dependency.append("google/protobuf/wrappers.proto")
    message = file.message_type.add(name="BatchingParameters")
    kinds = {
        "max_batch_size": (1, "Int64Value"),
        "batch_timeout_micros": (2, "Int64Value"),
        "max_enqueued_batches": (3, "Int64Value"),
        "num_batch_threads": (4, "Int64Value"),
        "enable_large_batch_splitting": (8, "BoolValue"),
        "max_execution_batch_size": (9, "Int64Value"),
    }
    for name, (number, kind) in kinds.items():
        message.field.add(name=name, number=number, type=11, label=1, type_name=f".google.protobuf.{kind}")
    message.field.add(name="allowed_batch_sizes", number=6, type=3, label=3)
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tensorflow.serving.BatchingParameters"))


def test_the_configuration_parses(models):
    root, _ = models
    files = write_config(root)
    assert [file.name for file in files] == [MODELS, BATCHING, COMPOSE]
    config = text_format.Parse(files[0].read_text(), model_server_config_pb2.ModelServerConfig())
    assert [(model.name, model.base_path) for model in config.model_config_list.config] == [
        ("digits", "/models/digits"),
        ("gray", "/models/gray"),
    ]
    batching = text_format.Parse(files[1].read_text(), batching_message()())
    # A task of more than max_batch_size rows is refused, and one of more than max_execution_batch_size is split.
    assert batching.max_batch_size.value == 10_000
    assert (batching.max_execution_batch_size.value, batching.enable_large_batch_splitting.value) == (32, True)
    assert f"/models/{MODELS}" in files[2].read_text()


def test_the_command(run, models, tmp_path):
    root, _ = models
    done = run("serving", root, "--base", "/srv/")
    assert done.exit_code == 0, done.output
    assert "To serve digits, gray on ports" in done.output
    models_config = (root / MODELS).read_text()
    assert 'base_path: "/srv/digits"' in models_config
    compose = (root / COMPOSE).read_text()
    assert '- ".:/srv:ro"' in compose
    assert f"=/srv/{MODELS}" in compose
    assert f"=/srv/{BATCHING}" in compose
    assert "/models" not in compose.replace("/models.config", "")
    policy = "model_version_policy { specific { versions: 1 } }"
    (root / MODELS).write_text(models_config.replace('name: "gray"', f'name: "gray" {policy}'))
    assert run("serving", root).exit_code == 0
    config = text_format.Parse((root / MODELS).read_text(), model_server_config_pb2.ModelServerConfig())
    versions = {
        model.name: list(model.model_version_policy.specific.versions) for model in config.model_config_list.config
    }
    assert versions == {"digits": [], "gray": [1]}
    (root / MODELS).write_text("model {")
    fails(run("serving", root), 1, "models.config cannot be read")
    (root / MODELS).unlink()
    fails(run("serving", tmp_path), 1, "holds no models")
    fails(run("serving", tmp_path / "none"), 2, "does not exist")


@contextlib.contextmanager
def real_server(root):
    ports = []
    for _ in range(2):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            ports.append(free.getsockname()[1])
    config, batching, _ = write_config(root, str(root))
    command = [SERVER, f"--port={ports[0]}", f"--rest_api_port={ports[1]}", f"--model_config_file={config}"]
    command += ["--enable_batching", f"--batching_parameters_file={batching}"]
    with subprocess.Popen(command) as process:
        try:
            for _ in range(300):
                with contextlib.suppress(OSError):
                    urllib.request.urlopen(f"http://127.0.0.1:{ports[1]}/v1/models/digits").read()
                    break
                time.sleep(0.1)
            yield ports
        finally:
            process.terminate()


needs_server = pytest.mark.skipif(not SERVER, reason="tensorflow_model_server is not on the PATH")


@pytest.fixture(scope="module")
def double(models):
    with serving_double.serve(models[0]) as found:
        yield found


@pytest.fixture(scope="module", params=["double", pytest.param("server", marks=needs_server)])
def ports(request, models, double):
    if request.param == "double":
        yield double
    else:
        with real_server(models[0]) as found:
            yield found


@pytest.fixture(scope="module")
def predict(ports):
    """Function that asks the server over gRPC."""
    # One channel for all requests and threads, as gRPC advises.
    with grpc.insecure_channel(f"127.0.0.1:{ports[0]}") as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)

        def ask(inputs, signature="generate", model="digits"):
            request = predict_pb2.PredictRequest()
            request.model_spec.name, request.model_spec.signature_name = model, signature
            for key, value in inputs.items():
                request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
            # So long that only a server that never answers is late.
            answer = stub.Predict(request, timeout=300)
            return {key: tf.make_ndarray(value) for key, value in answer.outputs.items()}

        yield ask


def post(ports, body, path="digits:predict"):
    url = f"http://127.0.0.1:{ports[1]}/v1/models/{path}"
    with urllib.request.urlopen(url, json.dumps(body).encode()) as answer:
        return json.load(answer)


def int64(*values):
    return np.array(values, "int64")


def test_grpc_gives_what_the_model_gives(models, predict):
    _, gan = models
    expected = gan.generate(2, labels=[2, 0], seed=3)
    inputs = {"seed": int64(3, 4), "label": int64(2, 0)}
    np.testing.assert_array_equal(predict(inputs)["image"], expected)
    for data, image in zip(predict(inputs, "generate_png")["image_bytes"], expected):
        np.testing.assert_array_equal(serving_double.bytes_to_image(data), image)


GRAY = [[[128], [128]], [[128], [128]]]
# As the specification of the REST API has it: one output goes without its name, `_bytes` is base64.
GOLDEN = [
    ({"instances": [{"seed": 0, "label": 1}]}, {"predictions": [GRAY]}),
    ({"inputs": {"seed": [0, 9], "label": [1, 2]}}, {"outputs": [GRAY, GRAY]}),
    (
        {"signature_name": "generate_from_latents", "instances": [{"latents": [0, 1.5, -1e-3, 2], "label": 0}]},
        {"predictions": [GRAY]},
    ),
    (
        {"signature_name": "generate_rows", "instances": [{"seed": 0, "labels": [0, 0.5, 1]}]},
        {"predictions": [GRAY]},
    ),
]


@pytest.mark.parametrize(("body", "answer"), GOLDEN)
def test_rest_row_and_column_formats(ports, body, answer):
    assert post(ports, body, "gray:predict") == answer
    assert post(ports, body, "gray/versions/1:predict") == answer


def test_rest_gives_bytes_as_base64(models, ports):
    body = {"signature_name": "generate_png", "instances": [{"seed": 3, "label": 2}]}
    ((only,),) = (row.items() for row in post(ports, body)["predictions"])
    assert only[0] == "b64"
    image = serving_double.bytes_to_image(base64.b64decode(only[1]))
    np.testing.assert_array_equal(image, models[1].generate(1, labels=2, seed=3)[0])


MISTAKES = {
    "wrong dtype": ({"seed": np.array([0.5], "float32"), "label": int64(0)}, "generate", "seed"),
    "label out of range": ({"seed": int64(0), "label": int64(3)}, "generate", "label must be in [0, 3)"),
    "label below zero": ({"seed": int64(0), "label": int64(-1)}, "generate", "label must be in [0, 3)"),
    "too many rows": ({"seed": np.zeros(10_001, "int64"), "label": np.zeros(10_001, "int64")}, "generate", "rows"),
    "NaN latents": (
        {"latents": np.full((1, 4), np.nan, "float32"), "label": int64(0)},
        "generate_from_latents",
        "latents must be finite",
    ),
    "no label": ({"seed": int64(0)}, "generate", "label"),
    "no such signature": ({"seed": int64(0), "label": int64(0)}, "draw", "draw"),
    "no such model": ({"seed": int64(0), "label": int64(0)}, "generate", "not found"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_an_error_and_the_server_lives(predict, mistake):
    inputs, signature, message = MISTAKES[mistake]
    with pytest.raises(grpc.RpcError) as caught:
        predict(inputs, signature, "letters" if mistake == "no such model" else "digits")
    assert message in caught.value.details()
    assert predict({"seed": int64(0), "label": int64(0)})["image"].shape == (1, 8, 8, 1)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"instances": [{"seed": 0, "label": 5}]}, 400),
        ({"instances": [{"seed": 0}]}, 400),
        ({"instances": [{"seed": "x", "label": 0}]}, 400),
        ({"instances": [{"seed": 0, "label": 0}], "inputs": {}}, 400),
    ],
)
def test_a_mistake_over_rest_is_json(ports, body, code):
    with pytest.raises(urllib.error.HTTPError) as caught:
        post(ports, body)
    with caught.value as answer:
        assert answer.code == code
        assert set(json.load(answer)) == {"error"}


def test_a_new_version_is_taken_up_and_an_old_one_can_be_asked_for(models, double, tmp_path):
    root, _ = models
    body = {"instances": [{"seed": 0, "label": 1}]}
    assert post(double, body, "gray:predict") == {"predictions": [GRAY]}
    white = gray_gan()
    bias = white.ema_generator.layers[-2].weights[-1]
    bias.assign(keras.ops.full_like(bias, 100.0))
    white.export(root / "gray" / "2")
    try:
        assert post(double, body, "gray:predict")["predictions"][0] == [[[255], [255]], [[255], [255]]]
        assert post(double, body, "gray/versions/1:predict") == {"predictions": [GRAY]}
    finally:
        shutil.move(root / "gray" / "2", tmp_path / "withdrawn")
    assert post(double, body, "gray:predict") == {"predictions": [GRAY]}


def test_a_thousand_requests_of_sixteen_clients(models, predict):
    _, gan = models
    expected = gan.generate(1000, seed=0)

    def ask(seed):
        start = time.perf_counter()
        (image,) = predict({"seed": int64(seed), "label": int64(seed % 3)})["image"]
        return image, time.perf_counter() - start

    with concurrent.futures.ThreadPoolExecutor(16) as clients:
        images, times = zip(*clients.map(ask, range(1000)))
    same_images(images, expected)
    middle, late = np.percentile(times, [50, 99])
    print(f"1,000 requests of 16 clients: median {1e3 * middle:.1f} ms, 99th percentile {1e3 * late:.1f} ms")
