# SPDX-License-Identifier: Apache-2.0
"""mpl-train under mpirun: the gradient of one process at the same batch, and what a dead rank leaves behind."""

import json
import os
import shutil
import signal
import subprocess
import time
import unittest

import numpy as np
import onnx

import harness

# Constant rates, so that a longer budget changes nothing before it.
SHORT = ["--preset", "twomoon-a", "--supervised-weight", 1, "--consistency.weight", 1, "--views.kind", "jitter", "--ema", 0.9,
         "--batch", 8, "--ratio", 2, "--init", "glorot", "--log-every", 10, "--threads", 1, "--python", "true"]
# Of tests in containers, which run as root.
ENVIRONMENT = {**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}


def metrics(folder):
    """Its lines without what the clock says."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if "seconds" not in key and "per_s" not in key} for line in lines]


def weights(path):
    return {each.name: onnx.numpy_helper.to_array(each) for each in onnx.load(path).graph.initializer}


@unittest.skipUnless(shutil.which("mpirun"), "there is no mpirun")
class MplTrainRanks(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.net, self.data = self.folder / "net.onnx", self.folder / "data.npz"
        self.run_ok("mpl-train", "gen", "--net", "mlp:2-8-2,activation=tanh", "--seed", 3, "-o", self.net)
        self.run_ok("mpl-train", "gen", "--points", "moons", "--seed", 3, "-o", self.data)

    def command(self, *args, folder="run"):
        return [str(each) for each in (harness.BIN / "mpl-train", "fit", "--student", self.net, "--data", self.data, "--per-class", 5,
                                       "--test-data", self.data, *SHORT, *args, "-o", self.folder / folder)]

    def mpirun(self, ranks, command, *launcher):
        return subprocess.Popen(["mpirun", "--oversubscribe", *launcher, "-n", str(ranks), *command], env=ENVIRONMENT,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def train(self, ranks, *args, folder):
        """The run's folder; with 0 ranks without mpirun."""
        command = self.command(*args, folder=folder)
        if ranks == 0:
            outcome = subprocess.run(command, capture_output=True, text=True, timeout=60)
            self.assertEqual(outcome.returncode, 0, outcome.stderr)
        else:
            process = self.mpirun(ranks, command)
            out, err = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 0, err)
            self.assertEqual(out.count("calibration error"), 1, out)  # the first rank alone tells
        return self.folder / folder

    def moved(self, run, who):
        """How a network's weights changed: with plain steps of rate r, -r times its gradient."""
        start = weights(self.net)
        return np.concatenate([(value - start[name]).ravel() for name, value in weights(run / f"best/{who}.onnx").items()])

    def test_gradient_of_two_ranks_is_that_of_one_process(self):
        one_step = ["--steps", 1, "--ema", 0, "--init", "file", "--keep-teacher"]
        for algo, feedback in (("mpl", "cos"), ("mpl", "jvp"), ("fixmatch", "cos")):
            args = [*one_step, "--algo", algo, "--feedback", feedback, "--consistency.threshold", 0.3]
            one = self.train(0, *args, folder=f"one-{algo}-{feedback}")
            two = self.train(2, *args, folder=f"two-{algo}-{feedback}")
            for who in ("student", "teacher") if algo == "mpl" else ("student",):
                whole, parts = self.moved(one, who), self.moved(two, who)
                self.assertGreater(np.linalg.norm(whole), 1e-3)
                self.assertLess(np.linalg.norm(parts - whole) / np.linalg.norm(whole), 1e-6)

    def test_the_number_of_ranks_changes_no_bit(self):
        for algo in ("mpl", "flexmatch"):
            args = ["--algo", algo, "--steps", 40, "--shards", 4, "--finetune-steps", 5]
            one = self.train(0, *args, folder=f"one-{algo}")
            two = self.train(2, *args, folder=f"two-{algo}")
            self.assert_same_file(one / "best/student.onnx", two / "best/student.onnx")
            self.assertEqual(metrics(one), metrics(two))

    def begin(self, *launcher):
        """A long run on two ranks that note their process ids and, where the launcher stands for nothing, exit codes."""
        script = self.folder / "rank.sh"
        script.write_text('"$@" & echo $! > "$0.$OMPI_COMM_WORLD_RANK"; trap "" TERM; wait $!\n'
                          'echo $? > "$0.code.$OMPI_COMM_WORLD_RANK"\n')
        process = self.mpirun(2, ["sh", str(script), *self.command("--steps", 10_000_000, "--save-every", "0s", "--shards", 2)],
                              *launcher)
        deadline = time.monotonic() + 60
        path = self.folder / "run/metrics.jsonl"
        while not (path.exists() and path.read_bytes().count(b"\n") > 3):
            self.assertLess(time.monotonic(), deadline)
            self.assertIsNone(process.poll())
            time.sleep(0.02)
        return process

    def signal_rank(self, rank, number):
        os.kill(int((self.folder / f"rank.sh.{rank}").read_text()), number)

    def code_of(self, rank):
        return int((self.folder / f"rank.sh.code.{rank}").read_text())

    def assert_resumes(self):
        steps = metrics(self.folder / "run")[-1]["step"] + 200
        resumed = self.train(2, "--steps", steps, "--save-every", "0s", "--shards", 2, "--resume", folder="run")
        whole = self.train(0, "--steps", steps, "--save-every", "0s", "--shards", 2, folder="whole")
        self.assert_same_file(resumed / "best/student.onnx", whole / "best/student.onnx")

    def test_a_rank_that_dies_ends_the_run_with_its_checkpoint(self):
        process = self.begin("--enable-recovery")
        self.signal_rank(1, signal.SIGKILL)
        killed = time.monotonic()
        _, err = process.communicate(timeout=40)
        self.assertLess(time.monotonic() - killed, 20)
        self.assertEqual(self.code_of(0), 75)
        self.assertRegex(err, r"rank 1: was not heard of for 10 s: .*; run the same command with --resume")
        self.assert_resumes()

    def test_signals_save_and_end_all_ranks(self):
        process = self.begin("--enable-recovery")
        self.signal_rank(1, signal.SIGTERM)
        _, err = process.communicate(timeout=40)
        self.assertEqual([self.code_of(0), self.code_of(1)], [143, 143], err)
        self.assertIn("stopped early; --resume goes on", err)
        self.assert_resumes()

    def test_errors_are_told_once(self):
        for args, code, pattern in ((["--shards", 1], 78, "1 cannot keep 2 ranks busy"),
                                    (["--batch", 9], 78, "9 labelled items cannot be cut into 2 shards"),
                                    (["--resume"], 66, "holds no run to resume")):
            process = self.mpirun(2, self.command("--steps", 5, *args, folder=args[0][2:]))
            _, err = process.communicate(timeout=60)
            self.assertEqual(process.returncode, code, err)
            self.assertEqual(err.count(pattern), 1, err)


if __name__ == "__main__":
    harness.main()
