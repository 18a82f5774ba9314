# SPDX-License-Identifier: Apache-2.0
"""What whole-program tests share: running a tool within limits, real models, and inputs for them.

ctest names the programs under test in ALLOT_BIN and the folders of models in ALLOT_TEST_MODELS (scripts/env.sh).
"""

import collections
import dataclasses
import json
import os
import pathlib
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import zlib

import numpy as np
import onnx
import onnxruntime

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = pathlib.Path(os.environ.get("ALLOT_BIN", ROOT / "build/release/bin"))
FULL = bool(os.environ.get("ALLOT_TEST_FULL"))  # long forms
SANITIZED = bool(os.environ.get("ALLOT_SANITIZE"))
MIB = 1 << 20
CHECKED = collections.Counter()  # what was checked, how often: printed last, since no failure among nothing is no proof

onnxruntime.set_default_logger_severity(4)


@dataclasses.dataclass
class Outcome:
    command: str
    code: int  # the exit code, or minus the number of the signal that ended the process
    out: str
    err: str
    seconds: float
    peak_bytes: int  # largest resident set


def run(tool, *args, cwd=None, stdin=None, timeout_s=120, address_space=None, file_size=None, env=None):
    """Runs BIN/tool. A process over `timeout_s` is killed (code -9); `address_space` bytes bound what it can map, and
    `file_size` how long a file can become: writing beyond it fails as it does on a full disk."""
    command = [str(BIN / tool), *map(str, args)]
    # Sanitizers report through an exit code of their own, and large allocations fail as they do elsewhere.
    options = {"ASAN_OPTIONS": "exitcode=99:allocator_may_return_null=1", "UBSAN_OPTIONS": "print_stacktrace=1"}

    def limit():
        if address_space and not SANITIZED:  # sanitizers reserve terabytes
            resource.setrlimit(resource.RLIMIT_AS, (address_space, address_space))
        if file_size:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))

    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start = time.monotonic()
        process = subprocess.Popen(command, cwd=cwd, stdout=out, stderr=err, env={**os.environ, **options, **(env or {})},
                                   stdin=stdin or subprocess.DEVNULL, preexec_fn=limit)
        killer = threading.Timer(timeout_s, process.kill)
        killer.start()
        _, status, usage = os.wait4(process.pid, 0)
        killer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - start
        text = []
        for stream in (out, err):
            stream.seek(0)
            text.append(stream.read().decode("utf-8", "backslashreplace"))
    return Outcome(" ".join(command), process.returncode, *text, seconds, usage.ru_maxrss * 1024)


def png(pixels):
    """A PNG file of bytes [height, width], grey, or [height, width, 3]."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    height, width = pixels.shape[:2]
    colour = 0 if pixels.ndim == 2 else 2
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


class TestCase(unittest.TestCase):
    """Gives each test a scratch folder of its own."""

    maxDiff = None

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="allot-test-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def run_ok(self, tool, *args, **options):
        outcome = run(tool, *args, **options)
        self.assertEqual(outcome.code, 0, f"{outcome.command}\n{outcome.err}")
        return outcome

    def choose_placement(self, path, flags, choose):
        """A stored placement of the model with choose(number of ops, index, op) -> name of a device for each op."""
        self.run_ok("placer-apply", path, *flags, "--method", "single", "-o", self.folder / "one.onnx", "--force")
        sidecar = json.loads((self.folder / "one.placement.json").read_text())
        ops = sidecar["placement"]
        for index, op in enumerate(ops):
            op["device"] = choose(len(ops), index, op)
        stored = self.folder / "chosen.json"
        stored.write_text(json.dumps(sidecar))
        return stored

    def assert_same_file(self, a, b):
        self.assertTrue(pathlib.Path(a).read_bytes() == pathlib.Path(b).read_bytes(), f"{a} and {b} differ")


def main():
    """Runs the tests that the command line names, then prints one line of what was checked."""
    succeeded = unittest.main(module="__main__", exit=False).result.wasSuccessful()
    print(", ".join(f"{number:,} {what}" for what, number in CHECKED.items()))
    sys.exit(0 if succeeded else 1)


@dataclasses.dataclass
class Model:
    path: pathlib.Path
    kind: str  # trained, exported, light, small, node

    @property
    def name(self):
        return f"{self.kind}/{self.path.stem}"

    def dims(self):
        """Flags that bind the dimensions which the model names itself."""
        bound = {"batch": 1, "seq": 16, "source_seq": 12, "target_seq": 8, "sequence": 576, "sequence_length": 4}
        graph = onnx.load(self.path, load_external_data=False).graph
        names = {d.dim_param for i in graph.input for d in i.type.tensor_type.shape.dim if d.dim_param in bound}
        return [flag for name in sorted(names) for flag in ("--dim", f"{name}={bound[name]}")]


def kind_of(path):
    text = str(path)
    if "/backend/test/data/light/" in text:
        return "light"
    if "/backend/test/data/" in text:
        return "node"
    if (path.parent / "manifest.json").exists():
        return "exported"
    return "small" if path.parent == ROOT / "models" else "trained"


def models(*kinds):
    """The models of these kinds, sorted by path. Fails when a kind has none: a test of nothing proves nothing."""
    folders = [pathlib.Path(folder) for folder in os.environ.get("ALLOT_TEST_MODELS", "").split(":") if folder]
    found = [Model(path, kind_of(path)) for folder in folders for path in sorted(folder.rglob("*.onnx"))]
    missing = [kind for kind in kinds if not any(model.kind == kind for model in found)]
    if missing:
        raise RuntimeError(f"no models of kind {missing} in ALLOT_TEST_MODELS; run scripts/setup.sh test, "
                           "then source scripts/env.sh and call use_tools")
    return [model for model in found if model.kind in kinds]


def session(path, optimise=True, **entries):
    """A session on one CPU thread; `entries` are session configuration entries with '.' as '__'."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    if not optimise:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    for key, value in entries.items():
        options.add_session_config_entry(key.replace("__", "."), value)
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


# Shapes that the models need beyond what they declare; other open dimensions become 2.
SHAPES = {
    "ch_PP-OCRv4_det_infer": {"x": (1, 3, 96, 96)},
    "ch_PP-OCRv4_rec_infer": {"x": (1, 3, 48, 96)},
    "ch_ppocr_mobile_v2.0_cls_infer": {"x": (1, 3, 48, 192)},
    "silero_vad": {"input": (1, 512), "state": (2, 1, 128)},
    "silero_vad_16k_op15": {"input": (1, 576), "state": (2, 1, 128)},
    "silero_vad_half": {"input": (1, 576), "state": (2, 1, 128)},
    "silero_vad_op18_ifless": {"input": (1, 576), "state": (2, 1, 128)},
    "bert-base": {"input_ids": (2, 16), "attention_mask": (2, 16)},
    "gpt2": {"input_ids": (2, 16)},
    "transformer-base": {"source": (2, 12), "target": (2, 8)},
}


def random_inputs(model, inference, seed):
    """Inputs [as declared] drawn from `seed`: integers below 256, floats from a normal distribution."""
    random = np.random.default_rng(seed)
    fixed = {"sr": np.array(16000, np.int64)}
    feed = {}
    for value in inference.get_inputs():
        shape = SHAPES.get(model.path.stem, {}).get(value.name)
        if shape is None:
            shape = [size if isinstance(size, int) else 2 for size in value.shape]
        if value.name in fixed:
            feed[value.name] = fixed[value.name]
        elif value.name == "attention_mask":
            feed[value.name] = np.ones(shape, np.int64)
        elif "int" in value.type:
            feed[value.name] = random.integers(0, 256, shape).astype(np.int64 if "int64" in value.type else np.int32)
        else:
            feed[value.name] = random.standard_normal(shape).astype(np.float32)
    return feed


SAFETENSORS_TYPES = {"F32": np.float32, "F64": np.float64, "I32": np.int32, "I64": np.int64, "U8": np.uint8}


def read_safetensors(path):
    """Tensors by name, and the metadata."""
    data = pathlib.Path(path).read_bytes()
    begin = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:begin])
    metadata = header.pop("__metadata__", {})
    return {name: np.frombuffer(data[begin:][slice(*entry["data_offsets"])],
                                SAFETENSORS_TYPES[entry["dtype"]]).reshape(entry["shape"])
            for name, entry in header.items()}, metadata


def proposals(policy, model, options, samples):
    """What a policy proposes for a model, the likeliest first: an answer of allot-worker. `options`: YAML."""
    request = json.dumps({"schema": "allot.place-request/1", "policy": str(policy), "model": str(model),
                          "options": options, "samples": samples, "seed": 0, "threads": 1}).encode()
    done = subprocess.run([BIN / "allot-worker"], input=len(request).to_bytes(8, "little") + request,
                          capture_output=True, timeout=120)
    hello = int.from_bytes(done.stdout[:8], "little")
    return json.loads(done.stdout[8 + hello + 8:])


def same_bits(a, b):
    return len(a) == len(b) and all(x.dtype == y.dtype and x.shape == y.shape and x.tobytes() == y.tobytes()
                                    for x, y in zip(a, b))


def interrupt(process, after_s, number=signal.SIGTERM):
    """Sends a signal to a running process after a while."""
    time.sleep(after_s)
    process.send_signal(number)
    return process.wait(timeout=60)
