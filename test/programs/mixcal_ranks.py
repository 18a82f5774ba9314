# SPDX-License-Identifier: Apache-2.0
"""mixcal under mpirun: the result of one process at the same shards, and what signals and errors leave behind."""

import json
import os
import shutil
import signal
import subprocess
import time
import unittest

import numpy as np

import harness

SHORT = ["--steps", 8, "--batch", 8, "--length", 33, "--evaluation", 2, "--evaluate-every", 4, "--log-every", 4, "--max-epochs", 1000,
         "--threads", 1, "--schedule.shape", "constant", "--model", "pico"]
# Of tests in containers, which run as root.
ENVIRONMENT = {**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}


@unittest.skipUnless(shutil.which("mpirun"), "there is no mpirun")
class MixcalRanks(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.data = self.folder / "data"
        self.data.mkdir()
        for i, name in enumerate(("easy", "medium", "hard")):
            ids = np.random.default_rng(i).integers(0, 10 * 3 ** i, 20000) + 10 * i
            ids.astype(np.uint16).tofile(self.data / f"{name}.bin")

    def command(self, *args, folder):
        return [str(each) for each in (harness.BIN / "mixcal", *args, "-o", self.folder / folder)]

    def mpirun(self, command, *launcher):
        return subprocess.Popen(["mpirun", "--oversubscribe", *launcher, "-n", "2", *command], env=ENVIRONMENT,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def both(self, *args, folder):
        """The same command on one process and on two ranks: their folders and what they said."""
        folders, said = [], []
        for ranks in (1, 2):
            command = self.command(*args, folder=f"{folder}-{ranks}")
            process = self.mpirun(command) if ranks == 2 else subprocess.Popen(command, stdout=subprocess.PIPE,
                                                                                stderr=subprocess.PIPE, text=True)
            out, err = process.communicate(timeout=120)
            self.assertEqual(process.returncode, 0, err)
            folders.append(self.folder / f"{folder}-{ranks}")
            said.append(out)
        return folders, said

    def assert_same_search(self, one, two):
        for name in ("domains", "flops", "warnings", "seeds"):
            self.assertEqual(*(json.loads((run / "mixture.json").read_text())[name] for run in (one, two)))
        self.assertEqual(*(json.loads((run / "result.json").read_text()) for run in (one, two)))

    def test_ranks_change_no_bit_of_a_search(self):
        # The corpus is prepared by the first rank.
        for method in ("doremi", "doge", "aioli"):
            (one, two), said = self.both("calibrate", self.data, "--longest", 512, "--method", method, *SHORT, "--shards", 2,
                                         folder=method)
            self.assertEqual(said[0], said[1])  # the first rank alone tells
            self.assert_same_search(one, two)
            self.assert_same_file(one / "trajectory.csv", two / "trajectory.csv")
            for model in ("proxy", "on-found"):
                self.assert_same_file(one / model / "model.onnx", two / model / "model.onnx")

    def test_runs_of_a_swarm_are_dealt(self):
        (one, two), _ = self.both("calibrate", self.data, "--longest", 512, "--method", "mixing-law", "--compare=false", *SHORT,
                                  "--swarm.runs", 6, "--swarm.steps", 4, "--law.least-rank", -1, "--law.replicates", 2,
                                  folder="swarm")
        self.assert_same_search(one, two)
        for name in ("ratios.csv", "metrics.csv", "0000/model.onnx", "0005/model.onnx"):
            self.assert_same_file(one / "swarm" / name, two / "swarm" / name)

    def test_other_stages_run_on_ranks(self):
        self.run_ok("mixcal", "prep", self.data, "--longest", 512, "-o", self.folder / "tokens")
        tokens = self.folder / "tokens"
        (one, two), said = self.both("reference", tokens, *SHORT, "--shards", 2, folder="reference")
        self.assertEqual(said[0], said[1])
        self.assert_same_file(one / "model.onnx", two / "model.onnx")
        (one, two), said = self.both("train", tokens, "--weights", "uniform", *SHORT, "--shards", 2, folder="primary")
        self.assertEqual(said[0], said[1])
        self.assert_same_file(one / "model.onnx", two / "model.onnx")
        out = subprocess.run(["mpirun", "--oversubscribe", "-n", "2", harness.BIN / "mixcal", "inspect", tokens, "--json"],
                             env=ENVIRONMENT, capture_output=True, text=True, timeout=60).stdout
        self.assertEqual(json.loads(out), json.loads(self.run_ok("mixcal", "inspect", tokens, "--json").out))

    def test_errors_are_told_once(self):
        for args, code, pattern in ((["--shards", 1], 78, "1 shards cannot keep 2 ranks busy"),
                                    (["--shards", 2, "--over", "none"], 78, "there is no domain 'none'")):
            process = self.mpirun(self.command("calibrate", self.data, "--longest", 512, *SHORT, *args, folder=f"wrong-{args[-1]}"))
            _, err = process.communicate(timeout=60)
            self.assertEqual(process.returncode, code, err)
            self.assertEqual(err.count(pattern), 1, err)

    def test_a_signal_to_any_rank_ends_preparing(self):
        """The first rank reads a corpus that never ends; the others wait for it."""
        script = self.recorder()
        pipe = self.data / "endless.txt"
        for path in self.data.glob("*.bin"):
            path.unlink()
        os.mkfifo(pipe)
        (self.data / "other.txt").write_text("some words\n" * 500)
        lines = b"seven wizards brew potions\n" * 2000
        for rank in (0, 1):
            process = self.mpirun(["sh", str(script), *self.command("calibrate", self.data, *SHORT, "--shards", 2, folder="run")],
                                  "--enable-recovery")
            with open(pipe, "wb", buffering=0) as out:  # when it is read from
                for _ in range(20):
                    out.write(lines)
                os.kill(int((self.folder / f"rank.sh.{rank}").read_text()), signal.SIGTERM)
                with self.assertRaises(BrokenPipeError):
                    while True:
                        out.write(lines)
            _, err = process.communicate(timeout=40)
            self.assertEqual(self.codes(), [143, 143], err)
            self.assertEqual(err.count("stopped before there was anything to write"), 1, err)
            self.assertFalse((self.folder / "run/tokens/manifest.json").exists())

    def recorder(self):
        """A script that runs a command and notes the process and the exit code of each rank."""
        script = self.folder / "rank.sh"
        script.write_text('"$@" & echo $! > "$0.$OMPI_COMM_WORLD_RANK"; trap "" TERM; wait $!\n'
                          'echo $? > "$0.code.$OMPI_COMM_WORLD_RANK"\n')
        return script

    def codes(self):
        return [int((self.folder / f"rank.sh.code.{rank}").read_text()) for rank in (0, 1)]

    def test_a_signal_to_any_rank_saves_and_ends_all(self):
        script = self.recorder()
        args = ["calibrate", self.data, "--longest", 512, *SHORT, "--steps", 200, "--compare=false", "--shards", 2,
                "--save-every", "0s"]
        process = self.mpirun(["sh", str(script), *self.command(*args, folder="run")], "--enable-recovery")
        deadline = time.monotonic() + 60
        path = self.folder / "run/proxy/metrics.jsonl"
        while not (path.exists() and path.read_bytes().count(b"\n") > 3):
            self.assertLess(time.monotonic(), deadline)
            self.assertIsNone(process.poll())
            time.sleep(0.02)
        os.kill(int((self.folder / "rank.sh.1").read_text()), signal.SIGTERM)
        _, err = process.communicate(timeout=40)
        self.assertEqual(self.codes(), [143, 143], err)
        self.assertIn("stopped early; --resume goes on", err)
        self.run_ok("mixcal", *args, "--resume", "-o", self.folder / "run")
        self.run_ok("mixcal", *args, "-o", self.folder / "whole")
        self.assert_same_file(self.folder / "run/trajectory.csv", self.folder / "whole/trajectory.csv")


if __name__ == "__main__":
    harness.main()
