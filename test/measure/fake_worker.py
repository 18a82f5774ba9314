#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Speaks as allot-worker does and runs nothing: a node takes 10 us, the copies of a node's value 5 us, and a policy
places three units.

ALLOT_RUN_FAULT=kill:N|memory:N|hang:N acts as the worker's own. ALLOT_FAKE_WORKER=old|garbage|huge|extra|exit|chatty
breaks the conversation in other ways.
"""
import json
import os
import signal
import struct
import sys
import time

VERSION = os.environ.get("ALLOT_FAKE_VERSION", "0.1.0")
MODE = os.environ.get("ALLOT_FAKE_WORKER", "")


def send(message):
    data = message if isinstance(message, bytes) else json.dumps(message).encode()
    sys.stdout.buffer.write(struct.pack("<Q", len(data)) + data)
    sys.stdout.buffer.flush()


def fault(nodes):
    kind, _, node = os.environ.get("ALLOT_RUN_FAULT", "").partition(":")
    if not kind or int(node) >= nodes:
        return None
    if kind == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "hang":
        time.sleep(3600)
    return {"kind": "out_of_memory", "where": f"node {node}", "what": "no memory for it", "fix": "use smaller batches"}


def propose(request):
    count = request["samples"]
    return {"schema": "allot.place-reply/1", "units": 3, "graph_hash": "g", "costs_hash": "c",
            "placements": [{"devices": [0, 1, i % 2]} for i in range(count)], "log_probability": [-1.0] * count,
            "groupings": [], "grouping": []}


def answer(request):
    if request["schema"] == "allot.place-request/1":
        return propose(request)
    placement = request["placement"]
    if error := fault(len(placement)):
        return {"schema": "allot.run-reply/1", "error": error}
    span_us = 10.0 * len(placement)
    count = len(request["devices"])
    busy = [10.0 * placement.count(device) for device in range(count)]
    reply = {
        "schema": "allot.run-reply/1",
        "seconds": [span_us * 1e-6 * (1 + i % 3) for i in range(request["repeat"])],
        "devices": [{"name": d["name"], "threads": request["threads"] // count, "peak_bytes": 1000, "busy_us": busy[i]}
                    for i, d in enumerate(request["devices"])],
        "nodes": [{"node": i, "device": d, "median_us": 10.0} for i, d in enumerate(placement)],
        "transfers": [{"tensor": f"t{i}", "from": a, "to": b, "bytes": 4096 * (i + 1), "median_us": 5.0 + i}
                      for i, (a, b) in enumerate(zip(placement, placement[1:])) if a != b],
    }
    if request["check"]:
        reply["single"] = {"device": request["devices"][0]["name"], "seconds": reply["seconds"]}
        reply["check"] = {"values": 1, "identical": MODE != "differs", "ok": MODE != "differs", "worst": "y",
                          "largest_error": 0.5 if MODE == "differs" else 0.0}
    if request["timeline"]:
        reply["timeline"] = [{"kind": "op", "node": i, "device": d, "begin_us": 10.0 * i, "end_us": 10.0 * (i + 1)}
                             for i, d in enumerate(placement)]
    if MODE == "extra":
        reply["mood"] = "good"
    return reply


if MODE == "exit":
    print("first line", file=sys.stderr)
    print("cannot find libtorch.so", file=sys.stderr)
    sys.exit(3)
send({"schema": "allot.worker/1", "version": "9.9.9" if MODE == "old" else VERSION, "cuda_devices": 0, "cores": 2})
while len(head := sys.stdin.buffer.read(8)) == 8:
    request = json.loads(sys.stdin.buffer.read(struct.unpack("<Q", head)[0]))
    if MODE == "garbage":
        send(b"no json")
    elif MODE == "huge":
        sys.stdout.buffer.write(struct.pack("<Q", 1 << 60))
        sys.stdout.buffer.flush()
        time.sleep(3600)
    else:
        if MODE == "chatty":
            sys.stderr.write("x" * 10_000_000 + "\n")
        send(answer(request))
