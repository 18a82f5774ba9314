#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Training with measured rewards on this machine's two CPU workers, of a branchy real network:

    measured_training.py MODEL.onnx [--evaluations N] [--pairs N]

placer-train learns from measured runs; then its placement, one worker, and one device with all cores are measured again in
turn, as often as --pairs says. Prints one JSON object: their robust means in microseconds, how much quicker the placement is than the
better of the two, and which part of the gain over one worker that the simulator predicts (after --measure) is realised.
Needs two cores that nothing else uses.
"""

import argparse
import json
import pathlib
import re
import tempfile

from placed_runs import CPUS, robust_mean, tool


def run(model, *options):
    return json.loads(tool("placer-apply", model, *options, "--run", "--repeat", 5, "--json"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--evaluations", type=int, default=60)
    parser.add_argument("--pairs", type=int, default=30)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "two.yaml").write_text(CPUS)
        (folder / "all.yaml").write_text(re.sub(r"  - \{name: cpu1.*\n", "", CPUS))
        tool("placer-embed", args.model, "--cluster", folder / "two.yaml", "--measure", "--measure-cache", folder / "cache",
             "--measured", folder / "costs.json", "--fitted", folder / "fitted.yaml")
        known = ["--cluster", folder / "fitted.yaml", "--costs", folder / "costs.json"]
        tool("placer-train", args.model, *known, "--finals", "measured", "--repeat", 5, "--evaluations", 3000, "--compare",
             "none", "-o", folder / "simulated")
        tool("placer-train", args.model, *known, "--reward", "measured", "--from",
             folder / "simulated/best/policy.safetensors", "--evaluations", args.evaluations, "--compare", "none", "-o",
             folder / "run")
        best = lambda run: [*known, "--placement", folder / run / f"best/{args.model.stem}.placement.json"]
        arms = {"simulated": best("simulated"), "measured": best("run"),
                "one worker": [*known, "--method", "single"],
                "one device": ["--cluster", folder / "all.yaml", "--method", "single"]}
        seconds = {arm: [] for arm in arms}
        predicted = {}
        for _ in range(args.pairs):
            for arm, options in arms.items():
                found = run(args.model, *options)
                seconds[arm] += found["seconds"]
                predicted[arm] = found["simulated_us"]
        means = {arm: 1e6 * robust_mean(samples) for arm, samples in seconds.items()}
        alone = min(means["one worker"], means["one device"])
        final = min(("simulated", "measured"), key=means.get)
        gain = lambda times: times["one worker"] / times[final] - 1
        print(json.dumps({"model": args.model.name, "means_us": means, "predicted_us": predicted, "final": final,
                          "of_best_alone": means[final] / alone,
                          "realised": gain(means) / gain(predicted) if gain(predicted) > 0 else 1}))


if __name__ == "__main__":
    main()
