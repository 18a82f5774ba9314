// SPDX-License-Identifier: Apache-2.0
#include "measure/ort_runner.h"

namespace allot::measure {

const char* const kOrtScript = R"PYTHON(
import json, os, pathlib, struct, sys, time

answers = os.fdopen(os.dup(1), "wb")
os.dup2(2, 1)  # whatever else prints must not come between


def send(message):
    data = json.dumps(message).encode()
    answers.write(struct.pack("<Q", len(data)) + data)
    answers.flush()


def receive():
    head = sys.stdin.buffer.read(8)
    return json.loads(sys.stdin.buffer.read(struct.unpack("<Q", head)[0])) if len(head) == 8 else None


try:
    import numpy as np
    import onnxruntime
except ImportError as error:
    print(error, file=sys.stderr)
    sys.exit(69)

DTYPES = {"F64": "f8", "F32": "f4", "F16": "f2", "I64": "i8", "I32": "i4", "I16": "i2", "I8": "i1", "U64": "u8",
          "U32": "u4", "U16": "u2", "U8": "u1", "BOOL": "?"}


def read_safetensors(path):
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    header.pop("__metadata__", None)
    return {name: np.frombuffer(data[8 + size:][slice(*entry["data_offsets"])], "<" + DTYPES[entry["dtype"]])
            .reshape(entry["shape"]) for name, entry in header.items()}


def write_safetensors(path, values):
    header, blobs, end = {"__metadata__": {"allot.version": "1"}}, [], 0
    names = {np.dtype(code): name for name, code in DTYPES.items()}
    for name, value in values.items():
        blobs.append(np.ascontiguousarray(value).tobytes())
        header[name] = {"dtype": names[value.dtype], "shape": value.shape, "data_offsets": [end, end + len(blobs[-1])]}
        end += len(blobs[-1])
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    scratch = pathlib.Path(path + ".part")
    scratch.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blobs))
    os.replace(scratch, path)


def read_inputs(path, session):
    path, names = pathlib.Path(path), [value.name for value in session.get_inputs()]
    if path.suffix == ".safetensors":
        return read_safetensors(path)
    if path.suffix == ".npz":
        return dict(np.load(path))
    if path.suffix == ".npy":
        return {names[0]: np.load(path)}
    if stored := sorted(path.glob("*.npy")):
        return {file.stem: np.load(file) for file in stored}
    import onnx
    return {name: onnx.numpy_helper.to_array(onnx.load_tensor(path / f"input_{i}.pb")) for i, name in enumerate(names)}


def make_inputs(session, dims, seed):
    """Small whole numbers, which are legal as indices of most tables; floats from a normal distribution."""
    random, feed = np.random.default_rng(seed), {}
    for value in session.get_inputs():
        shape = [size if isinstance(size, int) else dims.get(size or f"{value.name}:{axis}", 1)
                 for axis, size in enumerate(value.shape)]
        kind = value.type[len("tensor("):-1]
        if kind in ("float", "double", "float16"):
            feed[value.name] = random.standard_normal(shape).astype({"float": "f4", "double": "f8", "float16": "f2"}[kind])
        elif kind == "string":
            feed[value.name] = np.full(shape, "a")
        else:
            feed[value.name] = random.integers(0, 2, shape).astype(kind)
    return feed


def open_session(request, placed):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = request["threads"]
    options.log_severity_level = 3
    if placed and request["settings"]:
        options.add_session_config_entry("session.layer_assignment_settings", request["settings"])
    providers = [tuple(provider) for provider in request["providers"]] if placed else ["CPUExecutionProvider"]
    return onnxruntime.InferenceSession(request["model"], options, providers=providers)


def measure(session, feed, request):
    seconds = []
    for _ in range(request["warm_up"] + request["repeat"]):
        start = time.perf_counter()
        outputs = session.run(None, feed)
        seconds.append(time.perf_counter() - start)
    return outputs, seconds[request["warm_up"]:]


def compare(names, outputs, expected):
    check = {"values": len(names), "identical": True, "largest_error": 0.0, "worst": "", "ok": True}
    for name, a, b in zip(names, outputs, expected):
        if isinstance(a, np.ndarray) and a.shape == b.shape and a.dtype.kind == "f":
            same, scale = a.tobytes() == b.tobytes(), np.abs(b).max(initial=0)
            error = 0.0 if same else float(np.abs(a - b).max(initial=0) / (scale or 1))
        else:
            same = np.array_equal(a, b) if isinstance(a, np.ndarray) else str(a) == str(b)
            error = 0.0 if same else 1.0
        error = error if error < 1e9 else 1e9  # not a number compares as different
        check["identical"] &= same
        if error > check["largest_error"]:
            check.update(largest_error=error, worst=name)
    check["ok"] = check["largest_error"] <= 1e-4
    return check


def answer(request):
    session = open_session(request, True)
    feed = read_inputs(request["inputs"], session) if request["inputs"] else make_inputs(session, request["dims"],
                                                                                          request["seed"])
    outputs, seconds = measure(session, feed, request)
    names, reply = [value.name for value in session.get_outputs()], {"seconds": seconds}
    if request["outputs"]:
        write_safetensors(request["outputs"], dict(zip(names, outputs)))
    if request["check"]:
        expected, reply["single"] = measure(open_session(request, False), feed, request)
        reply["check"] = compare(names, outputs, expected)
    return reply


send({"version": onnxruntime.__version__, "providers": onnxruntime.get_available_providers()})
while (request := receive()) is not None:
    try:
        reply = answer(request)
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
        memory = isinstance(error, MemoryError) or "allocat" in text.lower() or "out of memory" in text.lower()
        reply = {"error": "out_of_memory" if memory else "check_failed", "what": text}
    send(reply)
)PYTHON";

}  // namespace allot::measure
