# SPDX-License-Identifier: Apache-2.0
"""placer-train under mpirun: the same run at any number of ranks, and what it leaves behind when one dies."""

import json
import os
import shutil
import signal
import subprocess
import time
import unittest

import harness

CLUSTER = harness.ROOT / "configs/clusters/two-gpu.yaml"
SMALL = ["--network.hidden", 16, "--network.rounds", 1, "--learning.imitation", 4, "--learning.placements", 8,
         "--learning.polished", 2, "--threads", 1, "--compare", "none"]
# Of tests in containers, which run as root.
ENVIRONMENT = {**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}


def metrics(folder):
    """Its lines without what the clock says."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if "seconds" not in key} for line in lines]


@unittest.skipUnless(shutil.which("mpirun"), "there is no mpirun")
class PlacerTrainRanks(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.model = self.folder / "net.onnx"
        self.run_ok("placer-embed", "--gen", "transformer:ops=80,width=3", "-o", self.model)

    def command(self, *args, folder="run"):
        return [str(each) for each in (harness.BIN / "placer-train", self.model, "--cluster", CLUSTER, *SMALL, *args, "-o",
                                       self.folder / folder)]

    def mpirun(self, ranks, command, *launcher):
        return subprocess.Popen(["mpirun", "--oversubscribe", *launcher, "-n", str(ranks), *command], env=ENVIRONMENT,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def train(self, ranks, *args, folder="run"):
        """The run's folder; with 0 ranks without mpirun."""
        command = self.command(*args, folder=folder)
        if ranks == 0:
            outcome = subprocess.run(command, capture_output=True, text=True, timeout=60)
        else:
            process = self.mpirun(ranks, command)
            out, err = process.communicate(timeout=60)
            outcome = subprocess.CompletedProcess(command, process.returncode, out, err)
        self.assertEqual(outcome.returncode, 0, outcome.stderr)
        return self.folder / folder

    def assert_same_run(self, one, other):
        self.assertEqual(metrics(one), metrics(other))
        self.assert_same_file(one / "best/policy.safetensors", other / "best/policy.safetensors")
        self.assert_same_file(one / "best/net.placement.json", other / "best/net.placement.json")

    def begin(self, ranks, *launcher):
        """A long run of ranks that note their process ids and, where the launcher stands for nothing, exit codes."""
        script = self.folder / "rank.sh"
        script.write_text('"$@" & echo $! > "$0.$OMPI_COMM_WORLD_RANK"; trap "" TERM; wait $!\n'
                          'echo $? > "$0.code.$OMPI_COMM_WORLD_RANK"\n' if launcher else
                          'echo $$ > "$0.$OMPI_COMM_WORLD_RANK"; exec "$@"\n')
        command = self.command("--updates", 100000, "--save-every", "0s")
        process = self.mpirun(ranks, ["sh", str(script), *command], *launcher)
        deadline = time.monotonic() + 60
        path = self.folder / "run/metrics.jsonl"
        while not (path.exists() and path.read_bytes().count(b"\n") > 8):
            self.assertLess(time.monotonic(), deadline)
            self.assertIsNone(process.poll())
            time.sleep(0.02)
        return process

    def signal_rank(self, rank, number):
        os.kill(int((self.folder / f"rank.sh.{rank}").read_text()), number)

    def code_of(self, rank):
        return int((self.folder / f"rank.sh.code.{rank}").read_text())

    def assert_resumes(self):
        updates = len(metrics(self.folder / "run")) + 5
        self.assert_same_run(self.train(2, "--updates", updates, "--resume"),
                             self.train(0, "--updates", updates, folder="whole"))
        self.assertEqual(len(metrics(self.folder / "run")), updates + 1)

    def test_the_number_of_ranks_changes_nothing(self):
        one = self.train(0, "--evaluations", 3000, folder="one")
        self.assertEqual(metrics(one)[-1]["phase"], "search")
        for ranks in (2, 3):
            self.assert_same_run(self.train(ranks, "--evaluations", 3000, folder=f"ranks{ranks}"), one)

    def test_hierarchical_and_several_models(self):
        other = self.folder / "other.onnx"
        self.run_ok("placer-embed", "--gen", "layered:ops=60,width=4", "-o", other)
        args = [other, "--policy", "hierarchical", "--network.groups", 8, "--learning.groupings", 3, "--validate", other,
                "--validate-every", 3, "--evaluations", 2000]
        self.assert_same_run(self.train(2, *args, folder="two"), self.train(0, *args, folder="one"))

    def test_a_rank_that_dies_ends_the_run(self):
        """Where the launcher leaves the others alone, they notice."""
        for dies, notices in ((1, 0), (0, 1)) if harness.FULL else ((1, 0),):
            with self.subTest(dies):
                shutil.rmtree(self.folder / "run", ignore_errors=True)
                process = self.begin(2, "--enable-recovery")
                self.signal_rank(dies, signal.SIGKILL)
                killed = time.monotonic()
                _, err = process.communicate(timeout=40)
                self.assertLess(time.monotonic() - killed, 20)
                self.assertEqual(self.code_of(notices), 75)
                self.assertRegex(err, rf"rank {dies}: was not heard of for 10 s: .*; run the same command with --resume")
                if dies == 1:
                    self.assert_resumes()

    def test_mpirun_ends_the_run_when_a_rank_dies(self):
        process = self.begin(2)
        self.signal_rank(1, signal.SIGKILL)
        _, err = process.communicate(timeout=40)
        self.assertEqual(process.returncode, 128 + signal.SIGKILL, err)  # mpirun's own, of the rank
        self.assertRegex(err, r"rank 1: was not heard of for .* s: .*; run the same command with --resume")
        self.assert_resumes()

    def test_signals_save_and_end_all_ranks(self):
        for rank in (0, 1):
            with self.subTest(rank):
                shutil.rmtree(self.folder / "run", ignore_errors=True)
                shutil.rmtree(self.folder / "whole", ignore_errors=True)
                process = self.begin(2, "--enable-recovery")
                self.signal_rank(rank, signal.SIGTERM)
                _, err = process.communicate(timeout=40)
                self.assertEqual([self.code_of(0), self.code_of(1)], [143, 143], err)
                self.assertIn("stopped early; --resume goes on", err)
                self.assert_resumes()

    def test_controllers_of_a_parameter_server(self):
        run = self.train(3, "--ranks", "async", "--updates", 24, "--evaluations", 30000, "--learning.placements", 4)
        lines = metrics(run)
        updates = [line for line in lines if line["phase"] in ("imitation", "policy")]
        self.assertEqual([line["update"] for line in updates], list(range(24)))
        self.assertEqual({line["rank"] for line in updates}, {1, 2})
        self.assertTrue(any(line["staleness"] > 0 for line in updates))
        self.assertEqual(lines[-1]["phase"], "search")
        self.assertLess(lines[-1]["best_value"], lines[0]["best_value"])
        self.assertGreater(lines[-1]["evaluations"], updates[-1]["evaluations"])
        resumed = self.train(2, "--ranks", "async", "--updates", 30, "--learning.placements", 4, "--resume")
        self.assertEqual([line["update"] for line in metrics(resumed) if line["phase"] == "policy"][-1], 29)
        outcome = subprocess.run(self.command("--ranks", "async", folder="x"), capture_output=True, text=True)
        self.assertEqual(outcome.returncode, 64)
        self.assertIn("start it by mpirun -n 2 or more", outcome.stderr)

    def test_errors_are_told_once(self):
        missing = self.mpirun(2, self.command("--resume"))
        _, err = missing.communicate(timeout=60)
        self.assertEqual(missing.returncode, 66, err)
        self.assertEqual(err.count("holds no run to resume"), 1, err)
        self.assertNotIn("rank ", err.split("holds no run")[0])
        measured = self.mpirun(2, self.command("--reward", "command", "--reward-command", "echo 1"))
        _, err = measured.communicate(timeout=60)
        self.assertEqual(measured.returncode, 64, err)
        self.assertEqual(err.count("would measure on several ranks at once"), 1, err)


if __name__ == "__main__":
    harness.main()
