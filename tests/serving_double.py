"""A stand-in for `tensorflow_model_server`, for tests: PredictionService over gRPC, and the REST API's predict.

It follows https://www.tensorflow.org/tfx/serving/api_rest and TF Serving's `predict.proto`; the model runs in
TensorFlow, in a process of its own: `python serving_double.py FOLDER`, which prints both ports. Models are found as the
server finds them: each folder of a root, its highest version.
"""

import base64
import contextlib
import http.server
import json
import subprocess
import sys
import threading
from concurrent import futures
from pathlib import Path

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

STATUS_OF = {
    tf.errors.InvalidArgumentError: (grpc.StatusCode.INVALID_ARGUMENT, 400),
    KeyError: (grpc.StatusCode.NOT_FOUND, 404),
    ValueError: (grpc.StatusCode.INVALID_ARGUMENT, 400),
}


def status_of(error):
    return next((status for kind, status in STATUS_OF.items() if isinstance(error, kind)), None)


class Models:
    """The models of a folder; a new version is taken up at the next request."""

    def __init__(self, root):
        self.root, self.loaded, self.lock = Path(root), {}, threading.Lock()

    def find(self, name, version=None):
        versions = sorted(int(path.name) for path in (self.root / name).glob("*") if path.name.isdigit())
        if not versions or (version and version not in versions):
            raise KeyError(f"Servable not found for request: {name}")
        key = name, version or versions[-1]
        with self.lock:
            if key not in self.loaded:
                self.loaded[key] = tf.saved_model.load(str(self.root / name / str(key[1])))
        return self.loaded[key], key[1]

    def predict(self, name, version, signature, inputs):
        model, version = self.find(name, version)
        signature = signature or "serving_default"
        if signature not in model.signatures:
            raise ValueError(f'Serving signature key "{signature}" not found.')
        specs = model.signatures[signature].structured_input_signature[1]
        if set(inputs) != set(specs):
            raise ValueError(f"input keys do not match: expected {sorted(specs)}, got {sorted(inputs)}")
        tensors = {}
        for key, value in inputs.items():
            made = value if tf.is_tensor(value) else tf.constant(value, specs[key].dtype)
            if made.dtype != specs[key].dtype:
                raise ValueError(f"Expects arg[{key}] to be {specs[key].dtype.name} but {made.dtype.name} is provided")
            if not specs[key].shape.is_compatible_with(made.shape):
                raise ValueError(f"Tensor {key} has shape {made.shape}, expected {specs[key].shape}")
            tensors[key] = made
        return model.signatures[signature](**tensors), version


class Predictions(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, models):
        self.models = models

    def Predict(self, request, context):
        spec = request.model_spec
        inputs = {key: tf.constant(tf.make_ndarray(value)) for key, value in request.inputs.items()}
        try:
            outputs, version = self.models.predict(spec.name, spec.version.value, spec.signature_name, inputs)
        except tuple(STATUS_OF) as error:
            context.abort(status_of(error)[0], str(error))
        response = predict_pb2.PredictResponse()
        response.model_spec.CopyFrom(spec)
        response.model_spec.version.value = version
        for key, value in outputs.items():
            response.outputs[key].CopyFrom(tf.make_tensor_proto(value.numpy()))
        return response


def to_json(name, value):
    if value.dtype == tf.string:
        binary = name.endswith("_bytes")
        return [{"b64": base64.b64encode(each).decode()} if binary else each.decode() for each in value.numpy()]
    return value.numpy().tolist()


def rest_predict(models, name, version, body):
    """The JSON that answers a request, in the format, rows or columns, that it came in."""
    rows = "instances" in body
    if rows == ("inputs" in body):
        raise ValueError("a request has either 'instances' or 'inputs'")
    values = body["instances" if rows else "inputs"]
    if rows and isinstance(values[0], dict):
        values = {key: [row[key] for row in values] for key in values[0]}
    if not isinstance(values, dict):
        specs = models.find(name, version)[0].signatures[body.get("signature_name", "serving_default")]
        (key,) = specs.structured_input_signature[1]
        values = {key: values}
    outputs, _ = models.predict(name, version, body.get("signature_name"), values)
    columns = {key: to_json(key, value) for key, value in outputs.items()}
    alone = len(columns) == 1
    if not rows:
        return {"outputs": next(iter(columns.values())) if alone else columns}
    found = list(zip(*columns.values()))
    return {"predictions": [row[0] if alone else dict(zip(columns, row)) for row in found]}


def handler(models):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            data = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                path, verb = self.path.rsplit(":", 1)
                _, api, kind, name, *rest = path.split("/")
                if (api, kind, verb) != ("v1", "models", "predict"):
                    raise ValueError(f"Malformed request: POST {self.path}")
                self.answer(200, rest_predict(models, name, int(rest[1]) if rest else None, json.loads(data)))
            except (*STATUS_OF, TypeError) as error:
                self.answer((status_of(error) or (None, 400))[1], {"error": str(error)})

        def do_GET(self):
            try:
                version = models.find(self.path.split("/")[3])[1]
            except KeyError as error:
                return self.answer(404, {"error": str(error)})
            state = {"version": str(version), "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
            return self.answer(200, {"model_version_status": [state]})

        def answer(self, code, value):
            body = json.dumps(value).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    return Handler


def bytes_to_image(data):
    return np.asarray(tf.io.decode_png(data))


@contextlib.contextmanager
def serve(root):
    """Serves a folder of models in another process; gives the ports of gRPC and REST."""
    command = [sys.executable, __file__, str(root)]
    # It serves until its input ends, which is when this does.
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield tuple(int(port) for port in process.stdout.readline().split())


def main(root):
    models = Models(root)
    server = grpc.server(futures.ThreadPoolExecutor(16))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Predictions(models), server)
    grpc_port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    rest = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler(models))
    rest.daemon_threads = True
    threading.Thread(target=rest.serve_forever).start()
    print(grpc_port, rest.server_address[1], flush=True)
    sys.stdin.read()
    rest.shutdown()
    rest.server_close()
    server.stop(None).wait()


if __name__ == "__main__":
    main(sys.argv[1])
