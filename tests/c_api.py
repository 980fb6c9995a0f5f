"""Runs a signature of a SavedModel through TensorFlow's C API, with no Python TensorFlow in the process.

Reads one JSON object from standard input: `folder`, `inputs` (operation, output index, array as nested lists, dtype)
and `output` (operation, index). Writes one: `shape` and `values`, strings as base64, or `error`.
"""

import base64
import ctypes
import importlib.util
import json
import sys
from pathlib import Path

import numpy as np

INT64, FLOAT, UINT8, STRING = 9, 1, 4, 7  # TF_DataType
DTYPES = {INT64: np.int64, FLOAT: np.float32, UINT8: np.uint8}
SIZE_OF_TSTRING = 24


class Output(ctypes.Structure):
    _fields_ = [("operation", ctypes.c_void_p), ("index", ctypes.c_int)]


def library():
    folder = Path(importlib.util.find_spec("tensorflow").submodule_search_locations[0])
    ctypes.CDLL(str(next(folder.glob("libtensorflow_framework*"))), ctypes.RTLD_GLOBAL)
    loaded = ctypes.CDLL(str(next(folder.glob("libtensorflow_cc*"))), ctypes.RTLD_GLOBAL)
    for name in [
        "NewStatus",
        "NewGraph",
        "NewSessionOptions",
        "LoadSessionFromSavedModel",
        "GraphOperationByName",
        "AllocateTensor",
        "TensorData",
        "StringGetDataPointer",
    ]:
        getattr(loaded, f"TF_{name}").restype = ctypes.c_void_p
    loaded.TF_Message.restype = ctypes.c_char_p
    for name in ("Dim", "TensorByteSize", "StringGetSize"):
        getattr(loaded, f"TF_{name}").restype = ctypes.c_size_t
    return loaded


tf = library()
pointer = ctypes.c_void_p
status = pointer(tf.TF_NewStatus())


def check():
    if tf.TF_GetCode(status):
        raise RuntimeError(f"{tf.TF_GetCode(status)}: {tf.TF_Message(status).decode()}")


def tensor(values):
    values = np.ascontiguousarray(values)
    dtype = next(number for number, known in DTYPES.items() if known == values.dtype)
    shape = (ctypes.c_int64 * values.ndim)(*values.shape)
    made = pointer(tf.TF_AllocateTensor(dtype, shape, values.ndim, ctypes.c_size_t(values.nbytes)))
    ctypes.memmove(tf.TF_TensorData(made), values.ctypes.data, values.nbytes)
    return made


def array(made):
    shape = [tf.TF_Dim(made, axis) for axis in range(tf.TF_NumDims(made))]
    data, dtype = tf.TF_TensorData(made), tf.TF_TensorType(made)
    if dtype == STRING:
        strings = [pointer(data + SIZE_OF_TSTRING * i) for i in range(int(np.prod(shape)))]
        found = [ctypes.string_at(tf.TF_StringGetDataPointer(each), tf.TF_StringGetSize(each)) for each in strings]
        return shape, [base64.b64encode(text).decode() for text in found]
    size = tf.TF_TensorByteSize(made)
    return shape, np.frombuffer(ctypes.string_at(data, size), DTYPES[dtype]).tolist()


def run(folder, inputs, output):
    graph = pointer(tf.TF_NewGraph())
    tags = (ctypes.c_char_p * 1)(b"serve")
    options = pointer(tf.TF_NewSessionOptions())
    session = pointer(tf.TF_LoadSessionFromSavedModel(options, None, folder.encode(), tags, 1, graph, None, status))
    check()

    def place(operation, index):
        return Output(tf.TF_GraphOperationByName(graph, operation.encode()), index)

    fed = (Output * len(inputs))(*(place(*each[:2]) for each in inputs))
    tensors = (pointer * len(inputs))(*(tensor(np.array(values, dtype)) for _, _, values, dtype in inputs))
    results = (pointer * 1)()
    fetched = (Output * 1)(place(*output))
    arguments = [fed, tensors, len(inputs), fetched, results, 1, None, 0, None]
    tf.TF_SessionRun(session, None, *arguments, status)
    check()
    return array(pointer(results[0]))


answers = []
for request in json.load(sys.stdin):
    try:
        shape, values = run(**request)
        answers.append({"shape": shape, "values": values})
    except RuntimeError as error:
        answers.append({"error": str(error)})
assert "tensorflow" not in sys.modules
print(json.dumps(answers))
