# SPDX-License-Identifier: Apache-2.0
"""ONNX messages as bytes, for files that no library would write."""


def varint(value):
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field, value):
    return varint(field << 3) + varint(value)


def block(field, content, claimed_size=None):
    """A length-delimited field; `claimed_size` is what its length says instead of the truth."""
    content = content.encode() if isinstance(content, str) else content
    return varint(field << 3 | 2) + varint(len(content) if claimed_size is None else claimed_size) + content


def node(op_type, inputs, outputs, attributes=b"", name="", domain=""):
    return (b"".join(block(1, value) for value in inputs) + b"".join(block(2, value) for value in outputs) +
            (block(3, name) if name else b"") + block(4, op_type) + attributes + (block(7, domain) if domain else b""))


def graph_attribute(name, graph):
    return block(5, block(1, name) + block(6, graph) + number(20, 5))


def tensor(name, dims, data_type, rest):
    return b"".join(number(1, dim) for dim in dims) + number(2, data_type) + block(8, name) + rest


def value_info(name, dims, data_type=1):
    shape = b"".join(block(1, number(1, dim) if isinstance(dim, int) else block(2, dim)) for dim in dims)
    return block(1, name) + block(2, block(1, number(1, data_type) + block(2, shape)))


def graph(nodes, inputs=(), outputs=(), initializers=()):
    return (b"".join(block(1, item) for item in nodes) + block(2, "g") +
            b"".join(block(5, item) for item in initializers) + b"".join(block(11, item) for item in inputs) +
            b"".join(block(12, item) for item in outputs))


def function(name, nodes, inputs, outputs, domain="test"):
    return (block(1, name) + b"".join(block(4, value) for value in inputs) +
            b"".join(block(5, value) for value in outputs) + b"".join(block(7, item) for item in nodes) +
            block(9, number(2, 17)) + block(9, block(1, domain) + number(2, 1)) + block(10, domain))


def model(graph_bytes, ir_version=8, opset=17, functions=(), rest=b""):
    imports = block(8, number(2, opset)) + (block(8, block(1, "test") + number(2, 1)) if functions else b"")
    return (number(1, ir_version) + block(7, graph_bytes) + imports + b"".join(block(25, f) for f in functions) + rest)
