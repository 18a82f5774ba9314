# SPDX-License-Identifier: Apache-2.0
"""A graph that grows node by node: what a node gives is known as soon as it is drawn, since ONNX Runtime runs it alone.

Every value is kept twice. The second copy is shaken: whatever rounds has its floating inputs and outputs changed by a
few units in the last place. A node whose results then differ by more than a fraction of what is tolerated in the end,
or at all if they are no floats, decides by rounding errors; such a node is not put in, and no comparison of outputs
needs to forgive more than its tolerance.
"""

import collections
import dataclasses

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

# By how bad the arithmetic is that a value has been through: nothing was rounded, float64, float32, float16.
SHAKE = (0.0, 1e-14, 1e-6, 1e-3)
TOLERANCE = (0.0, 1e-9, 1e-4, 3e-2)  # of an output's largest element; a node alone may use a quarter of it
GRADE = {np.dtype(np.float64): 1, np.dtype(np.float32): 2, np.dtype(np.float16): 3}

FLOATS = ("float32", "float64", "float16")
INTEGERS = ("int32", "int64", "int8", "uint8")
NUMBERS = FLOATS + INTEGERS
ALL = NUMBERS + ("bool",)
DRAWN = {"float32": 12, "float64": 2, "float16": 2, "int64": 3, "int32": 2, "int8": 1, "uint8": 1, "bool": 2}

MOST_ELEMENTS = 3000
LARGEST = {"float16": 100, "float32": 3e3, "float64": 3e3, "int32": 1e6, "int64": 1e6}

# Operators that give elements of their inputs, or decide by them, but never round.
EXACT = set(
    """Abs ArgMax ArgMin Cast CastLike Ceil CenterCropPad Clip Compress Concat ConcatFromSequence DepthToSpace Equal
    Expand Flatten Floor Gather GatherElements GatherND Greater GreaterOrEqual Hardmax Identity IsInf IsNaN Less
    LessOrEqual Max MaxPool MaxUnpool Min Neg NonZero OneHot Optional OptionalGetElement Pad ReduceMax ReduceMin
    Relu Reshape ReverseSequence Round SequenceAt SequenceConstruct SequenceErase SequenceInsert Shape Sign Size
    Slice SpaceToDepth Split SplitToSequence Squeeze Tile TopK Transpose Trilu Unique Unsqueeze Where
    GlobalMaxPool Not TensorScatter EyeLike""".split())

# Operators that add up: where terms cancel, a result is as exact as its largest element.
SUMS = set(
    """AveragePool BlackmanWindow Col2Im Conv ConvTranspose CumSum DFT DeformConv Det Einsum Gemm GlobalAveragePool
    GroupNormalization HammingWindow HannWindow InstanceNormalization LayerNormalization MatMul
    MeanVarianceNormalization ReduceMean ReduceSum Resize STFT ScatterElements ScatterND""".split())


class Unusable(Exception):
    """A node that is not put in; the text says why."""


@dataclasses.dataclass(eq=False)
class Value:
    """A tensor, or a sequence of them as a list."""

    name: str
    array: np.ndarray | list
    shaken: np.ndarray | list
    grade: int = 0
    scope: "Graph | None" = None  # None: a leaf that no node uses yet
    fixed: bool = False  # a leaf that must be constant and is never shaken: scales of Resize
    parameter: bool = False  # a leaf that is constant as a rule: axes, shapes, weights
    uses: int = 0

    @property
    def is_tensor(self):
        return not isinstance(self.array, list)

    @property
    def dtype(self):
        return (self.array if self.is_tensor else self.array[0]).dtype.name

    @property
    def shape(self):
        return self.array.shape

    @property
    def rank(self):
        return self.array.ndim

    def type_proto(self):
        if self.is_tensor:
            return helper.make_tensor_type_proto(helper.np_dtype_to_tensor_dtype(self.array.dtype), self.shape)
        element = helper.np_dtype_to_tensor_dtype(self.array[0].dtype)
        return helper.make_sequence_type_proto(helper.make_tensor_type_proto(element, None))


class Shared:
    """What a graph and the bodies in it have in common."""
    def __init__(self):
        self.number = 0
        self.functions = []
        self.drawn = collections.Counter()  # operator -> how often it was tried
        self.refused = collections.Counter()  # (operator, reason): ONNX Runtime does not run it
        self.dropped = collections.Counter()  # reason: not finite, too large, decided by rounding errors


def arrays_of(value):
    return value if isinstance(value, list) else [value]


def largest(array):
    return float(np.abs(array.astype(np.float64)).max()) if array.size else 0.0


def check(array, shaken, grade):
    """Raises Unusable if nobody could compare this result."""
    if array.size > MOST_ELEMENTS:
        raise Unusable("too large")
    if array.shape != shaken.shape:
        raise Unusable("decided by rounding errors")
    if array.dtype.kind == "f" and not (np.isfinite(array).all() and np.isfinite(shaken).all()):
        raise Unusable("not finite")
    scale = largest(array) if array.dtype.kind in "fiu" else 1
    if scale > LARGEST.get(array.dtype.name, np.inf):
        raise Unusable("too large")
    if array.dtype.kind != "f":
        if not np.array_equal(array, shaken):
            raise Unusable("decided by rounding errors")
    elif array.size and largest(array.astype(np.float64) - shaken) > TOLERANCE[grade] / 4 * scale:
        raise Unusable("decided by rounding errors")


class Graph:
    def __init__(self, random, opset, outer=None):
        self.random, self.opset, self.outer = random, opset, outer
        self.shared = outer.shared if outer else Shared()
        self.values, self.nodes, self.inputs, self.initializers = [], [], [], []
        self.symbolic = outer.symbolic if outer else self.chance(
            0.5)  # some sizes of inputs and outputs only have names
        self.captured = {}  # name -> value of a graph around this one

    # Dice.
    def chance(self, probability):
        return self.random.random() < probability

    def integer(self, least, most):
        return int(self.random.integers(least, most + 1))

    def choice(self, options):
        return options[self.integer(0, len(options) - 1)]

    def some(self, **attributes):
        """Each of them with probability one half; without None."""
        return {key: value for key, value in attributes.items() if self.chance(0.5) and value is not None}

    def negative(self, axis, rank):
        """One of the two ways to write an axis."""
        return axis - rank if self.chance(0.4) else axis

    # Leaves.
    def shape(self, rank=None, most=6, zero=0.015):
        if rank is None:
            rank = int(self.random.choice(6, p=[0.05, 0.17, 0.25, 0.25, 0.23, 0.05]))
        dims = [self.integer(1, most) for _ in range(rank)]
        if rank and self.chance(zero):
            dims[self.integer(0, rank - 1)] = 0
        return tuple(dims)

    def array(self, dtype, shape, least=-2.0, most=2.0):
        """Random elements; half of the floats are multiples of 1/8, among which there are equal ones."""
        if dtype == "bool":
            return self.random.random(shape) < 0.5
        if dtype in INTEGERS:
            least = max(least, 0) if dtype == "uint8" else least
            return np.asarray(self.random.integers(int(least) * 3, int(most) * 3 + 1, shape), dtype)
        numbers = self.random.uniform(least, most, shape)
        if self.chance(0.5):
            numbers = np.clip(np.round(numbers * 8) / 8, least, most)
        return np.asarray(numbers, dtype)

    def leaf(self, array, **flags):
        array = np.asarray(array)
        return Value(self.fresh("v"), array, array, **flags)

    def ints(self, numbers, **flags):
        return self.leaf(np.array(numbers, np.int64), parameter=True, **flags)

    def weight(self, dtype, shape, least=-1.0, most=1.0):
        return self.leaf(self.array(dtype, shape, least, most), parameter=True)

    def dtype(self, allowed=ALL):
        weights = np.array([DRAWN.get(name, 1) for name in allowed], float)
        return str(self.random.choice(allowed, p=weights / weights.sum()))

    def fresh(self, prefix):
        self.shared.number += 1
        return f"{prefix}{self.shared.number}"

    # Operands.
    def visible(self):
        return (self.outer.visible() if self.outer else []) + self.values

    def existing(self, allowed=ALL, where=lambda array: True):
        return [v for v in self.visible() if v.is_tensor and v.dtype in allowed and where(v.array)]

    def pick(self, allowed=ALL, rank=None, where=lambda array: True, least=-2.0, most=2.0, shape=None, new=0.12):
        """A value of the graph, recent ones rather, or a new leaf of a drawn shape. `rank`: one, or (least, most)."""
        low, high = rank if isinstance(rank, tuple) else (rank, rank) if rank is not None else (0, 9)
        found = self.existing(
            allowed, lambda a: low <= a.ndim <= high and (shape is None or a.shape == tuple(shape)) and where(a))
        if found and not self.chance(new):
            return found[-1 - int(self.integer(0, len(found) - 1) * self.random.random())]
        for _ in range(20):
            drawn = self.shape(None if rank is None else self.integer(low, min(high, 5))) if shape is None else shape
            array = self.array(self.dtype(allowed), drawn, least, most)
            if where(array):
                return self.leaf(array)
        raise Unusable("no operand")

    # Nodes.
    def add(self, op_type, inputs, outputs=1, domain="", captured=(), **attributes):
        """Puts in a node, and gives its results. `outputs`: how many, or which of them. Raises Unusable."""
        wanted = [True] * outputs if isinstance(outputs, int) else outputs
        node = helper.make_node(op_type, [value.name if value else "" for value in inputs],
                                [self.fresh("v") if want else "" for want in wanted],
                                domain=domain,
                                name=self.fresh("n"),
                                **attributes)
        present = list({value.name: value for value in [*inputs, *captured] if value}.values())
        results = self.evaluate(node, present)
        for value in [*inputs, *captured]:
            if value:
                self.use(value)
        self.nodes.append(node)
        self.values += results
        return results[0] if len(results) == 1 else results

    def evaluate(self, node, present):
        self.shared.drawn[node.op_type] += 1
        session = self.session(node, present)
        rounds = node.op_type not in EXACT or self.narrows(node, present)
        grade = max((value.grade for value in present), default=0)
        if rounds:
            grade = max([grade] + [GRADE.get(arrays_of(v.array)[0].dtype, 0) for v in present if v.array is not None])
        results = self.run(node, session, {v.name: v.array for v in present})
        floats = [GRADE.get(a.dtype, 0) for r in results for a in arrays_of(r)]
        grade = max([grade, *floats]) if rounds else grade
        fed = {v.name: v.shaken if v.fixed or not rounds else self.shake(v.shaken, grade) for v in present}
        shaken = self.run(node, session, fed)
        if rounds:
            shaken = [self.shake(array, grade, node.op_type in SUMS) for array in shaken]
        for result, other in zip(results, shaken):
            if len(arrays_of(result)) != len(arrays_of(other)) or not arrays_of(result):
                raise Unusable("decided by rounding errors")
            for a, b in zip(arrays_of(result), arrays_of(other)):
                check(a, b, grade)
        names = [name for name in node.output if name]
        return [
            Value(name, result, other, grade if GRADE.get(arrays_of(result)[0].dtype) else 0, self)
            for name, result, other in zip(names, results, shaken)
        ]

    def narrows(self, node, present):
        """A cast to a floating type with fewer digits."""
        if node.op_type not in ("Cast", "CastLike"):
            return False
        target = (helper.tensor_dtype_to_np_dtype(node.attribute[0].i)
                  if node.op_type == "Cast" else present[-1].array.dtype)
        return GRADE.get(target, 0) > GRADE.get(present[0].array.dtype, 0)

    def shake(self, value, grade, is_sum=False):
        if isinstance(value, list):
            return [self.shake(array, grade) for array in value]
        if value.dtype.kind != "f":
            return value
        scale = np.maximum(np.abs(value), largest(value) / 8) if is_sum else value
        with np.errstate(invalid="ignore", over="ignore"):  # of infinities, which no node's result may have
            return np.asarray(value + SHAKE[grade] * scale * self.random.choice([-1, 1], value.shape), value.dtype)

    def session(self, node, present):
        """The node alone, as ONNX Runtime makes it ready."""
        graph = helper.make_graph([node], "node",
                                  [helper.make_value_info(v.name, v.type_proto()) for v in present if not v.fixed],
                                  [onnx.ValueInfoProto(name=name) for name in node.output if name],
                                  [numpy_helper.from_array(v.array, v.name) for v in present if v.fixed])
        try:
            return make_session(self.model_of(graph))
        except Exception as error:  # onnxruntime has no type of its own for what it refuses
            self.refuse(node, error)

    def run(self, node, session, feeds):
        fed = {value.name for value in session.get_inputs()}
        try:
            results = session.run(None, {name: array for name, array in feeds.items() if name in fed})
        except Exception as error:
            self.refuse(node, error)
        return [result if isinstance(result, list) else np.asarray(result) for result in results]

    def refuse(self, node, error):
        self.shared.refused[node.op_type, " ".join(str(error).split())[:300]] += 1
        raise Unusable("refused by ONNX Runtime") from error

    def use(self, value):
        value.uses += 1
        if value.scope is None:
            self.place(value)
        scope = self
        while scope is not value.scope and scope is not None:
            scope.captured[value.name] = value
            scope = scope.outer

    def place(self, leaf):
        """A new leaf becomes an input, an initializer or the output of a Constant node."""
        leaf.scope = self
        if leaf.array.dtype.kind != "f" or np.isfinite(leaf.array).all():  # others only go where they were meant for
            self.values.append(leaf)
        is_input = not self.outer and not leaf.fixed and self.chance(0.15 if leaf.parameter else 0.6)
        if is_input:
            self.inputs.append(leaf)
        elif self.chance(0.6):
            self.initializers.append(numpy_helper.from_array(leaf.array, leaf.name))
        else:
            self.nodes.append(helper.make_node("Constant", [], [leaf.name], name=self.fresh("n"),
                                               **self.constant(leaf)))

    def constant(self, leaf):
        short = {"int64": "value_int", "float32": "value_float"}.get(leaf.dtype)
        if short and not leaf.parameter and leaf.rank == 0 and self.chance(0.5):
            return {short: leaf.array.item()}
        if short and not leaf.parameter and leaf.rank == 1 and leaf.array.size and self.chance(0.5):
            return {short + "s": leaf.array.tolist()}
        return {"value": numpy_helper.from_array(leaf.array)}

    # Finished graphs.
    def body(self, name, inputs, outputs, shaped=False):
        """A graph for an attribute; `inputs` were placed by the caller. `shaped` outputs always have one shape."""
        return helper.make_graph(self.nodes, name, [helper.make_value_info(v.name, v.type_proto()) for v in inputs], [
            helper.make_value_info(v.name, v.type_proto()) if shaped else onnx.ValueInfoProto(name=v.name)
            for v in outputs
        ], self.initializers)

    def declare(self, value):
        """An input or output of the model: as it is, or with dimensions that only have names."""
        dims = list(value.shape)
        if self.symbolic and not value.parameter:
            dims = [size if self.chance(0.3) else f"{value.name}_{d}" for d, size in enumerate(dims)]
        return helper.make_tensor_value_info(value.name, helper.np_dtype_to_tensor_dtype(value.array.dtype), dims)

    def finish(self):
        """(model, what to feed it, its outputs): all that no node uses, and a few values besides."""
        outputs = [
            v for v in self.values if v.is_tensor and v.scope is self and v not in self.inputs and
            (v.uses == 0 or self.chance(0.05)) and v.name not in {i.name for i in self.initializers}
        ]
        graph = helper.make_graph(self.nodes, "random", [self.declare(v) for v in self.inputs],
                                  [self.declare(v) for v in outputs], self.initializers)
        return self.model_of(graph), {v.name: v.array for v in self.inputs}, outputs

    def model_of(self, graph):
        imports = [helper.make_opsetid("", self.opset), helper.make_opsetid("local", 1)]
        return helper.make_model(graph,
                                 opset_imports=imports,
                                 functions=self.shared.functions,
                                 ir_version=helper.find_min_ir_version_for(imports[:1]))


def make_session(model):
    """On one thread, each node as the model has it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
