# SPDX-License-Identifier: Apache-2.0
"""No input makes a tool crash, hang, or leave half an output: one line says what is wrong, where, and what to do."""

import dataclasses
import gzip
import os
import random
import struct
import typing

import harness
import wire
from harness import MIB

TIME_LIMIT_S = 60 if harness.SANITIZED else 10
MEMORY_LIMIT = (2000 if harness.SANITIZED else 200) * MIB

# x [2, 3] -> MatMul with w [3, 4] -> Relu -> y [2, 4]
X, Y = wire.value_info("x", [2, 3]), wire.value_info("y", [2, 4])
W = wire.tensor("w", [3, 4], 1, wire.block(9, bytes(48)))
MATMUL, RELU = wire.node("MatMul", ["x", "w"], ["h"], name="mm"), wire.node("Relu", ["h"], ["y"], name="act")


def simple(nodes=(MATMUL, RELU), inputs=(X,), outputs=(Y,), initializers=(W,), **options):
    return wire.model(wire.graph(nodes, inputs, outputs, initializers), **options)


def weight(rest, dims=(3, 4)):
    return simple(initializers=[wire.tensor("w", dims, 1, rest)])


def external(**entries):
    texts = [wire.block(13, wire.block(1, key) + wire.block(2, str(value))) for key, value in entries.items()]
    return weight(b"".join(texts) + wire.number(14, 1))


def nested(depth):
    """If within If, `depth` levels; built from the inside so that no recursion limit of ours matters."""
    condition = wire.tensor("c", [], 9, wire.block(9, b"\1"))
    body = wire.graph([wire.node("Identity", ["h"], ["b"])], [], [wire.value_info("b", [2, 4])])
    for _ in range(depth):
        branches = wire.graph_attribute("then_branch", body) + wire.graph_attribute("else_branch", wire.graph([]))
        body = wire.graph([wire.node("If", ["c"], ["b"], branches)], [], [wire.value_info("b", [2, 4])])
    outer = wire.node("If", ["c"], ["y"], wire.graph_attribute("then_branch", body))
    return simple(nodes=[MATMUL, outer], initializers=[W, condition])


def calls(*functions):
    """A model that calls f; `functions` are (name, name of the function that it calls)."""
    bodies = [wire.function(name, [wire.node(callee, ["a"], ["b"], domain="test")], ["a"], ["b"])
              for name, callee in functions]
    return simple(nodes=[MATMUL, wire.node("f", ["h"], ["y"], domain="test")], functions=bodies)


def cluster(body):
    return {"c.yaml": "schema: allot.cluster/1\n" + body}


CPU = "  - {name: cpu0, kind: cpu, preset: epyc-7763, memory: %s}\n"
TWO_DEVICES = "devices:\n" + CPU % "8GiB" + "  - {name: gpu0, kind: cuda, preset: a100-40}\n"
LINKS = "links: {default: {bandwidth: 12GB/s, latency: 10us}}\n"
BOMB = "".join(f"x{i}: &x{i} [{', '.join([f'*x{i - 1}'] * 9) if i else '1'}]\n" for i in range(12))


@dataclasses.dataclass
class Case:
    id: str
    code: int
    message: str  # a pattern that the line on standard error matches
    model: bytes = simple()
    args: str = ""
    files: dict = dataclasses.field(default_factory=dict)
    prepare: typing.Callable = lambda folder: None
    output: str = "out/placed.onnx"
    tool: str = "placer-apply"


ON_CLUSTER = "--cluster c.yaml"
MALFORMED = [
    Case("empty file", 65, r"m\.onnx.*empty", b""),
    Case("text", 65, r"m\.onnx.*text", b"# A list of models\nresnet50.onnx\n"),
    Case("html", 65, r"m\.onnx.*HTML", b"<!DOCTYPE html>\n<html><body>Not Found</body></html>\n"),
    Case("lfs pointer", 65, r"m\.onnx.*LFS",
         b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12345\n"),
    Case("gzip", 65, r"m\.onnx.*gzip", gzip.compress(simple())),
    Case("zip", 65, r"m\.onnx.*(zip|Zip|ZIP)", b"PK\3\4" + bytes(60)),
    Case("safetensors", 65, r"m\.onnx.*safetensors",
         struct.pack("<Q", 60) + b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}      ' + bytes(4)),
    Case("zeros", 65, r"m\.onnx", bytes(1000)),
    Case("no graph", 65, r"m\.onnx.*graph", wire.number(1, 8) + wire.block(8, wire.number(2, 17))),
    Case("no opset", 65, r"m\.onnx.*opset", wire.number(1, 8) + wire.block(7, wire.graph([MATMUL, RELU], [X], [Y], [W]))),
    Case("ir version 2", 65, r"m\.onnx.*IR version 2", simple(ir_version=2)),
    Case("opset 0", 65, r"m\.onnx.*opset", simple(opset=0)),
    Case("length beyond the file", 65, r"m\.onnx: byte \d+", wire.number(1, 8) + wire.block(7, b"", 1 << 20)),
    Case("length of 2^63", 65, r"m\.onnx: byte \d+", wire.number(1, 8) + wire.block(7, b"", 1 << 63)),
    Case("2 GiB claim in 1 KB", 65, r"m\.onnx: byte \d+.*", weight(wire.block(9, bytes(900), 1 << 31), (1 << 15, 1 << 14))),
    Case("unterminated number", 65, r"m\.onnx: byte \d+", b"\x08" + b"\xff" * 100),
    Case("dangling name", 65, r"m\.onnx.*(mm|MatMul).*nowhere",
         simple(nodes=[wire.node("MatMul", ["x", "nowhere"], ["h"], name="mm"), RELU])),
    Case("dangling output", 65, r"m\.onnx.*nowhere", simple(outputs=[wire.value_info("nowhere", [2, 4])])),
    Case("value made twice", 65, r"m\.onnx.*'h'", simple(nodes=[MATMUL, MATMUL, RELU])),
    Case("value shadows an input", 65, r"m\.onnx.*'x'", simple(nodes=[MATMUL, wire.node("Relu", ["h"], ["x"]), RELU])),
    Case("cycle", 65, r"m\.onnx.*cycle", simple(nodes=[
        wire.node("Add", ["x", "b"], ["a"], name="first"), wire.node("Relu", ["a"], ["b"], name="second"),
        wire.node("MatMul", ["b", "w"], ["h"]), RELU])),
    Case("negative dimension", 65, r"m\.onnx.*-5", simple(inputs=[wire.value_info("x", [-5, 3])])),
    Case("absurd dimensions", 65, r"m\.onnx.*x", simple(inputs=[wire.value_info("x", [1 << 40, 1 << 40, 1 << 40, 3])])),
    Case("negative weight dimension", 65, r"m\.onnx.*'w'", weight(wire.block(9, bytes(48)), (-3, 4))),
    Case("weight shorter than its shape", 65, r"m\.onnx.*'w'", weight(wire.block(9, bytes(44)))),
    Case("weight longer than its shape", 65, r"m\.onnx.*'w'", weight(wire.block(9, bytes(52)))),
    Case("weight of 2^62 elements", 65, r"m\.onnx.*'w'", weight(wire.block(9, bytes(48)), (1 << 31, 1 << 31))),
    Case("unknown element type", 65, r"m\.onnx: byte \d+: element type 99",
         simple(initializers=[wire.tensor("w", [3, 4], 99, wire.block(9, bytes(48)))])),
    Case("nesting thousands deep", 65, r"m\.onnx.*nest", nested(3000)),
    Case("recursive function", 65, r"m\.onnx.*(recurs|cycle|itself)", calls(("f", "f"))),
    Case("functions in a ring", 65, r"m\.onnx.*(recurs|cycle|itself)", calls(("f", "g"), ("g", "h"), ("h", "f"))),
    Case("newline in a name", 65, r"m\.onnx.*\\x0a", simple(nodes=[wire.node("Relu", ["no\nsuch\x1b[31m"], ["y"])])),
]

EXTERNAL = [
    Case("external: absolute path", 65, r"m\.onnx.*w.*absolute", external(location="/etc/passwd", length=48)),
    Case("external: parent folder", 65, r"m\.onnx.*w", external(location="../w.bin", length=48)),
    Case("external: parent inside", 65, r"m\.onnx.*w", external(location="a/../../w.bin", length=48)),
    Case("external: symbolic link outside", 65, r"m\.onnx.*w", external(location="w.bin", length=48),
         prepare=lambda folder: os.symlink("/etc/passwd", folder / "w.bin")),
    Case("external: hard link", 65, r"m\.onnx.*w.*link", external(location="w.bin", length=48), files={"v.bin": bytes(48)},
         prepare=lambda folder: os.link(folder / "v.bin", folder / "w.bin")),
    Case("external: a folder", 65, r"m\.onnx.*w", external(location="sub", length=48),
         prepare=lambda folder: (folder / "sub").mkdir()),
    Case("external: a pipe", 65, r"m\.onnx.*w", external(location="w.bin", length=48),
         prepare=lambda folder: os.mkfifo(folder / "w.bin")),
    Case("external: missing", 66, r"m\.onnx.*w\.bin", external(location="w.bin", length=48)),
    Case("external: too short", 65, r"m\.onnx.*w", external(location="w.bin", length=48), files={"w.bin": bytes(40)}),
    Case("external: offset beyond the end", 65, r"m\.onnx.*w", external(location="w.bin", offset=1 << 60, length=48),
         files={"w.bin": bytes(48)}),
    Case("external: negative offset", 65, r"m\.onnx.*w", external(location="w.bin", offset=-48, length=48),
         files={"w.bin": bytes(48)}),
    Case("external: length disagrees", 65, r"m\.onnx.*w", external(location="w.bin", length=44), files={"w.bin": bytes(48)}),
    Case("external: no location", 65, r"m\.onnx.*w.*location", external(length=48)),
]

CLUSTERS = [
    Case("cluster: missing", 66, r"c\.yaml", args=ON_CLUSTER),
    Case("cluster: empty file", 78, r"c\.yaml", args=ON_CLUSTER, files={"c.yaml": ""}),
    Case("cluster: no devices", 78, r"c\.yaml.*devices", args=ON_CLUSTER, files=cluster("devices: []\n" + LINKS)),
    Case("cluster: unknown key", 78, r"c\.yaml:\d+.*bandwith.*bandwidth", args=ON_CLUSTER,
         files=cluster(TWO_DEVICES + "links: {default: {bandwith: 12GB/s, latency: 10us}}\n")),
    Case("cluster: duplicate key", 78, r"c\.yaml:\d+.*links", args=ON_CLUSTER, files=cluster(TWO_DEVICES + LINKS + LINKS)),
    Case("cluster: duplicate device", 78, r"c\.yaml:\d+.*cpu0", args=ON_CLUSTER,
         files=cluster("devices:\n" + CPU % "8GiB" + CPU % "8GiB" + LINKS)),
    Case("cluster: unknown preset", 78, r"c\.yaml:\d+.*a100-41.*a100-40", args=ON_CLUSTER,
         files=cluster(TWO_DEVICES.replace("a100-40", "a100-41") + LINKS)),
    Case("cluster: unreachable device", 78, r"c\.yaml.*(cpu0.*gpu0|gpu0.*cpu0)", args=ON_CLUSTER, files=cluster(TWO_DEVICES)),
    Case("cluster: wrong unit", 78, r"c\.yaml:\d+.*8GHz", args=ON_CLUSTER, files=cluster("devices:\n" + CPU % "8GHz" + LINKS)),
    Case("cluster: negative memory", 78, r"c\.yaml:\d+.*memory", args=ON_CLUSTER,
         files=cluster("devices:\n" + CPU % "-8GiB" + LINKS)),
    Case("cluster: other schema", 78, r"c\.yaml:1.*schema", args=ON_CLUSTER, files={"c.yaml": "schema: allot.cluster/9\n"}),
    Case("cluster: not YAML", 78, r"c\.yaml:\d+", args=ON_CLUSTER, files={"c.yaml": "devices: [}\n"}),
    Case("cluster: alias bomb", 78, r"c\.yaml", args=ON_CLUSTER, files=cluster(BOMB)),
    Case("cluster: deep nesting", 78, r"c\.yaml", args=ON_CLUSTER, files=cluster("a: " + "[" * 20000 + "]" * 20000)),
    Case("no device supports an op", 69, r"MatMul", args=ON_CLUSTER,
         files=cluster("devices:\n" + CPU.replace("memory", "deny: [MatMul], memory") % "8GiB" + LINKS)),
    Case("memory cannot fit", 71, r"cpu0 lacks", args=ON_CLUSTER, files=cluster("devices:\n" + CPU % "64B" + LINKS)),
]

FILES = [
    Case("model missing", 66, r"nosuch\.onnx", args="nosuch.onnx", model=None),
    Case("model is a folder", 66, r"out", args="out", model=None),
    Case("output folder missing", 73, r"nosuch", output="nosuch/placed.onnx"),
    Case("output in a file", 73, r"m\.onnx", output="m.onnx/placed.onnx"),
    Case("output is a folder", 73, r"out", output="out"),
    Case("output is the input", 73, r"m\.onnx.*--force", output="m.onnx"),
    Case("output links to the input", 73, r"l\.onnx.*--force", output="l.onnx",
         prepare=lambda folder: os.symlink("m.onnx", folder / "l.onnx")),
    Case("foreign output without --force", 73, r"user\.onnx.*--force", output="user.onnx", files={"user.onnx": b"mine"}),
    Case("foreign sidecar without --force", 73, r"placed\.placement\.json.*--force", output="placed.onnx",
         files={"placed.placement.json": b"{}"}),
    Case("disk full", 74, r"/dev/full", output="/dev/full", args="--force"),
]

CONFIGURATION = [
    Case("costs: not JSON", 65, r"k\.json", args="--costs k.json", files={"k.json": "{"}),
    Case("costs: unknown key", 65, r"k\.json.*nodes", args="--costs k.json",
         files={"k.json": '{"schema":"allot.costs/1","key":"node","devices":["cpu"],"nodes":{}}'}),
    Case("costs: wrong number of times", 65, r"k\.json.*mm", args="--costs k.json",
         files={"k.json": '{"schema":"allot.costs/1","key":"node","devices":["cpu","cuda"],"ops":{"mm":{"time_us":[1.0]}}}'}),
    Case("costs: negative time", 65, r"k\.json.*mm", args="--costs k.json",
         files={"k.json": '{"schema":"allot.costs/1","key":"node","devices":["cpu"],"ops":{"mm":{"time_us":[-1.0]}}}'}),
    Case("placement: deep nesting", 65, r"p\.json", args="--placement p.json", files={"p.json": "[" * 100000}),
    Case("placement: other schema", 65, r"p\.json.*allot\.placement/1", args="--placement p.json",
         files={"p.json": '{"schema":"allot.costs/1"}'}),
    Case("check: missing baseline", 66, r"b\.json", args="--check b.json"),
    Case("unknown flag", 64, r"--evaluation", args="--evaluatons 5"),
    Case("unknown method", 64, r"hefty.*heft", args="--method hefty"),
    Case("value out of range", 64, r"evaluations", args="--evaluations -1"),
    Case("not a number", 64, r"seed.*many", args="--seed many"),
    Case("unknown dimension", 78, r"batsch", args="--dim batsch=1"),
    Case("dimension without value", 64, r"dim", args="--dim batch"),
    Case("configuration: unknown keys, all of them", 78, r"o\.yaml:1.*methd.*method", args="--config o.yaml",
         files={"o.yaml": "methd: heft\n"}),
    Case("configuration: missing", 66, r"o\.yaml", args="--config o.yaml"),
]


class BadInput(harness.TestCase):
    def check(self, case):
        folder = self.folder / "".join(c if c.isalnum() else "-" for c in case.id)
        (folder / "out").mkdir(parents=True)
        for name, content in case.files.items():
            (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
        if case.model is not None:
            (folder / "m.onnx").write_bytes(case.model)
        case.prepare(folder)
        before = self.snapshot(folder)
        outcome = harness.run(case.tool, *(["m.onnx"] if case.model is not None else []), *case.args.split(), "-o",
                              case.output, cwd=folder, timeout_s=TIME_LIMIT_S, address_space=1024 * MIB)
        shown = f"{outcome.command}\nexit {outcome.code}\n{outcome.err}"
        self.assertEqual(outcome.code, case.code, shown)
        lines = outcome.err.splitlines()
        errors = [line for line in lines if line.startswith(f"{case.tool}: ") and "warning" not in line]
        self.assertEqual(len(errors), 1, "one line says what is wrong\n" + shown)
        self.assertRegex(errors[0], case.message)
        self.assertRegex(errors[0], r"; \S+|did you mean", "the line names a remedy\n" + shown)
        self.assertTrue(errors[0].isprintable(), shown)
        self.assertLess(outcome.peak_bytes, MEMORY_LIMIT, shown)
        self.assertEqual(self.snapshot(folder), before, "files were left behind or changed\n" + shown)
        harness.CHECKED["refusals"] += 1

    def snapshot(self, folder):
        return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
                for path in folder.rglob("*") if not path.is_fifo()}

    def check_all(self, cases):
        for case in cases:
            with self.subTest(case.id):
                self.check(case)

    def test_malformed(self):
        self.check_all(MALFORMED)

    def test_external_data(self):
        self.check_all(EXTERNAL)

    def test_cluster(self):
        self.check_all(CLUSTERS)

    def test_files(self):
        self.check_all(FILES)

    def test_configuration(self):
        self.check_all(CONFIGURATION)

    def test_the_model_itself_is_fine(self):
        (self.folder / "m.onnx").write_bytes(simple())
        self.run_ok("placer-apply", "m.onnx", "--evaluations", 5, "-o", "placed.onnx", cwd=self.folder)

    def check_damaged(self, damaged):
        """Whatever the bytes, the tool ends by itself: placed, or refused for a reason that lies in the file."""
        (self.folder / "m.onnx").write_bytes(damaged)
        for output in self.folder.glob("placed*"):
            output.unlink()
        outcome = harness.run("placer-apply", "m.onnx", "--method", "heft", "-o", "placed.onnx", cwd=self.folder,
                              timeout_s=TIME_LIMIT_S, address_space=1024 * MIB)
        shown = f"exit {outcome.code}\n{outcome.err}"
        self.assertIn(outcome.code, (0, 65, 66, 69), shown)
        self.assertLess(outcome.peak_bytes, MEMORY_LIMIT, shown)
        self.assertEqual(sorted(path.name for path in self.folder.glob("*.tmp.*")), [], shown)
        if outcome.code != 0:
            self.assertEqual(len(outcome.err.splitlines()), 1 + outcome.err.count("warning"), shown)
            self.assertEqual(list(self.folder.glob("placed*")), [], shown)
        harness.CHECKED["damaged models"] += 1

    def test_truncated(self):
        whole = (harness.ROOT / "models/bert-base.onnx").read_bytes()
        for size in [1, 2, 3, 5, 8, 13, 100, 1000, *range(5000, len(whole), len(whole) // 20), len(whole) - 1]:
            with self.subTest(size=size):
                self.check_damaged(whole[:size])

    def test_bits_flipped(self):
        draw = random.Random(7)
        for number in range(60 if harness.SANITIZED else 300):
            damaged = bytearray(simple() if number % 2 else nested(2))
            for _ in range(draw.choice([1, 1, 1, 2, 8])):
                damaged[draw.randrange(len(damaged))] ^= 1 << draw.randrange(8)
            with self.subTest(number=number):
                self.check_damaged(bytes(damaged))


if __name__ == "__main__":
    harness.main()
