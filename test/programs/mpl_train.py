# SPDX-License-Identifier: Apache-2.0
"""mpl-train as it is used: what it writes, resuming, many seeds, and what it says when something is wrong."""

import json
import shutil
import sys

import numpy as np
import onnx
import onnxruntime

import harness

# Little work: constant rates, so that a longer budget changes nothing before it.
SHORT = ["--preset", "twomoon-a", "--supervised-weight", 1, "--consistency.weight", 1, "--views.kind", "jitter", "--ema", 0.9,
         "--init", "glorot", "--log-every", 10]


def metrics(folder):
    """Its lines without what the clock says."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if "seconds" not in key and "per_s" not in key} for line in lines]


class MplTrain(harness.TestCase):
    def setUp(self):
        super().setUp()
        self.net = self.gen("--net", "mlp:2-8-2,activation=tanh", "net.onnx")
        self.data = self.gen("--points", "moons", "data.npz")

    def gen(self, kind, what, name):
        self.run_ok("mpl-train", "gen", kind, what, "--seed", 3, "-o", self.folder / name)
        return self.folder / name

    def command(self, *args, folder="run"):
        return ["fit", "--student", self.net, "--data", self.data, "--per-class", 5, "--test-data", self.data, *SHORT, *args,
                "-o", self.folder / folder]

    def fit(self, *args, folder="run"):
        self.run_ok("mpl-train", *self.command(*args, folder=folder))
        return self.folder / folder

    def fails(self, code, pattern, *args):
        outcome = harness.run("mpl-train", *args)
        self.assertEqual(outcome.code, code, outcome.err)
        self.assertRegex(outcome.err, pattern)

    def test_written_student(self):
        run = self.fit("--steps", 40)
        found = json.loads(self.run_ok("mpl-train", "eval", "--json", "--student", run / "best/student.onnx", "--data", self.data).out)
        with np.load(self.data) as arrays:
            x, y = arrays["x"], arrays["y"]
        session = onnxruntime.InferenceSession(run / "best/student.onnx", providers=["CPUExecutionProvider"])
        logits = session.run(None, {"x": x.astype(np.float32)})[0]
        self.assertAlmostEqual(found["accuracy"], float((logits.argmax(1) == y).mean()), delta=1e-3)
        before, after = onnx.load(self.net), onnx.load(run / "best/student.onnx")
        self.assertEqual([node.SerializeToString() for node in before.graph.node],
                         [node.SerializeToString() for node in after.graph.node])
        for name in ("config.yaml", "metrics.jsonl", "report.html", "checkpoint/state.safetensors"):
            self.assertTrue((run / name).exists(), name)

    def test_what_onnx_runtime_has_no_kernel_for_is_warned_of(self):
        double = onnx.TensorProto.DOUBLE
        weights = [onnx.numpy_helper.from_array(np.ones(shape), name) for name, shape in {"w": (2, 8), "v": (8, 2)}.items()]
        nodes = [onnx.helper.make_node("MatMul", ["x", "w"], ["z"]), onnx.helper.make_node("Erf", ["z"], ["e"]),
                 onnx.helper.make_node("MatMul", ["e", "v"], ["y"])]
        graph = onnx.helper.make_graph(nodes, "erf", [onnx.helper.make_tensor_value_info("x", double, ["n", 2])],
                                       [onnx.helper.make_tensor_value_info("y", double, ["n", 2])], weights)
        model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
        onnx.save(model, self.net)
        outcome = harness.run("mpl-train", *self.command("--steps", 5, "--python", sys.executable))
        self.assertEqual(outcome.code, 0, outcome.err)
        self.assertRegex(outcome.err, "warning: .*student.onnx: not compared, as ONNX Runtime cannot run it: .*Erf")

    def test_nothing_trained_is_the_same_file(self):
        run = self.fit("--steps", 1, "--init", "file", "--teacher.schedule.rate", 0, "--student.schedule.rate", 0, "--ema", 0)
        self.assertEqual((run / "best/student.onnx").read_bytes(), self.net.read_bytes())

    def test_the_configuration_of_a_run_repeats_it(self):
        run = self.fit("--steps", 20, "--teacher.schedule.rate", 0.3)
        self.run_ok("mpl-train", "fit", "--student", self.net, "--config", run / "config.yaml", "-o", self.folder / "again")
        self.assert_same_file(run / "best/student.onnx", self.folder / "again/best/student.onnx")

    def test_resumed_run_is_the_uninterrupted_one(self):
        for algo in ("mpl", "flexmatch"):
            whole = self.fit("--algo", algo, "--steps", 60, folder=f"whole-{algo}")
            parts = self.fit("--algo", algo, "--steps", 30, folder=f"parts-{algo}")
            shutil.rmtree(parts / "best")
            self.fit("--algo", algo, "--steps", 60, "--resume", folder=f"parts-{algo}")
            self.assert_same_file(whole / "best/student.onnx", parts / "best/student.onnx")
            self.assertEqual(metrics(whole)[-2:], metrics(parts)[-2:])

    def test_seeds_are_paired(self):
        out = json.loads(self.run_ok("mpl-train", *self.command("--steps", 20, "--seeds", "1..3", "--compare", "supervised",
                                                                "--compare", "none", "--json", folder="seeds")).out)
        self.assertEqual(out["seeds"], [1, 2, 3])
        self.assertEqual([each["name"] for each in out["algorithms"]], ["mpl", "supervised", "none"])
        self.assertEqual([len(each["teacher"]) for each in out["algorithms"]], [3, 0, 3])
        for name in ("mpl-seed-2", "supervised-seed-1", "none-seed-3"):
            self.assertTrue((self.folder / "seeds" / name / "best/student.onnx").exists(), name)
        self.assertIn("algo: supervised", (self.folder / "seeds/supervised-seed-1/config.yaml").read_text())
        self.assertEqual(json.loads((self.folder / "seeds/seeds.json").read_text()), out)
        self.fails(73, "holds a training run already", *self.command("--steps", 20, "--seeds", "3..4", folder="seeds"))
        longer = json.loads(self.run_ok("mpl-train", *self.command("--steps", 20, "--seeds", "3..4", "--resume", "--json",
                                                                   folder="seeds")).out)  # one of them is there
        self.assertEqual(longer["algorithms"][0]["student"][0], out["algorithms"][0]["student"][2])
        again = json.loads(self.run_ok("mpl-train", *self.command("--steps", 20, "--seeds", "3", "--json", folder="one")).out)
        self.assertEqual(again["algorithms"][0]["student"], out["algorithms"][0]["student"][2:])

    def test_every_algorithm_and_feedback_trains(self):
        for algo in ("supervised", "pseudo-label", "mean-teacher", "uda", "fixmatch", "flexmatch"):
            self.fit("--algo", algo, "--steps", 5, folder=algo)
        for feedback in ("cos", "dot", "dot2", "fd", "jvp", "none", "inverted-fd"):
            self.fit("--feedback", feedback, "--steps", 5, folder=f"feedback-{feedback}")

    def test_other_tasks(self):
        rng = np.random.default_rng(1)
        x = rng.normal(size=(60, 2)).astype(np.float32)
        some = np.arange(60) < 20
        flags = np.where(some[:, None], x > 0, 255).astype(np.uint8)
        targets = np.where(some[:, None], x[:, ::-1] ** 2, np.nan).astype(np.float32)
        for task, y, args in (("multilabel", flags, []), ("regression", targets, ["--pseudo-label", "soft", "--feedback", "jvp"])):
            np.savez(self.folder / f"{task}.npz", x=x, y=y)
            self.run_ok("mpl-train", "fit", "--student", self.net, "--data", self.folder / f"{task}.npz", *SHORT, "--task", task,
                        *args, "--steps", 5, "-o", self.folder / task)

    def test_reduced_teacher(self):
        with np.load(self.data) as arrays:
            x, y = arrays["x"], arrays["y"]
        stored = 2 * np.eye(2, dtype=np.float32)[y]  # what a large network said of each item
        stored[::3] = stored[::3, ::-1]
        np.savez(self.folder / "stored.npz", x=x, y=y, stored=stored)
        head = self.gen("--net", "residual:2-16", "head.onnx")
        self.data = self.folder / "stored.npz"
        run = self.fit("--teacher", head, "--teacher-array", "stored", "--preset", "reduced", "--steps", 20, "--keep-teacher",
                       "--consistency.weight", 0)
        moved = {each.name: onnx.numpy_helper.to_array(each) for each in onnx.load(run / "best/teacher.onnx").graph.initializer}
        self.assertGreater(np.abs(moved["w1"]).max(), 0)  # it learnt from its student and the labels
        self.assertEqual([value.name for value in onnx.load(run / "best/student.onnx").graph.input], ["x"])

    def test_inspect(self):
        text = self.run_ok("mpl-train", "inspect", "--student", self.net).out
        self.assertIn("42 numbers are trained", text)

    def test_wrong_use(self):
        fit = self.command("--steps", 5)
        self.fails(64, "fti: is no command.*fit", "fti")
        self.fails(64, "--student: is missing", "fit")
        self.fails(64, "--net: 2x2: is no input", "gen", "--net", "mlp:2x2-3", "-o", self.folder / "x.onnx")
        self.fails(78, "jvp", *fit, "--pseudo-label", "soft")
        self.fails(64, "--data: is missing", "fit", "--student", self.net, "-o", self.folder / "run")
        self.fails(66, "nowhere", "fit", "--student", self.net, "--data", self.folder / "nowhere.npz", "-o", self.folder / "run")
        self.fails(64, "counts items by their class", *fit, "--algo", "flexmatch", "--task", "regression")
        self.fails(73, "--resume", *self.begun())

    def begun(self):
        self.fit("--steps", 5)
        return self.command("--steps", 5)

    def test_networks_and_labels_that_do_not_fit(self):
        three = self.gen("--net", "mlp:2-8-3", "three.onnx")
        self.fails(65, "the teacher gives 3 numbers an item, the student 2", *self.command("--steps", 5, "--teacher", three))
        x = np.zeros((20, 2), np.float32)
        np.savez(self.folder / "more.npz", x=x, y=np.arange(20) % 3)
        self.fails(65, "labels of 3 classes, the student tells 2 apart", "fit", "--student", self.net, "--data",
                   self.folder / "more.npz", *SHORT, "--steps", 5, "-o", self.folder / "run")
        np.savez(self.folder / "none.npz", x=x, y=np.full(20, -1))
        self.fails(65, "no item is labelled", "fit", "--student", self.net, "--data", self.folder / "none.npz", *SHORT, "--steps", 5,
                   "-o", self.folder / "run")
        np.savez(self.folder / "all.npz", x=x, y=np.arange(20) % 2)
        self.fails(65, "has no unlabelled items", "fit", "--student", self.net, "--data", self.folder / "all.npz", *SHORT,
                   "--set", "labelled_too=false", "--steps", 5, "-o", self.folder / "run")

    def test_names_of_classes_mean_the_same_in_every_file(self):
        rng = np.random.default_rng(0)
        line = lambda name, sign: f"{sign * (1 + rng.random()):.3f},{rng.random():.3f},{name}\n"
        both = "".join(line("cat", -1) + line("dog", 1) for _ in range(60))
        (self.folder / "both.csv").write_text("a,b,label\n" + both)
        (self.folder / "dogs.csv").write_text("a,b,label\n" + "".join(line("dog", 1) for _ in range(30)))
        files = ["--data", self.folder / "both.csv", "--test-data", self.folder / "dogs.csv"]
        self.run_ok("mpl-train", "fit", "--student", self.net, *files, *SHORT, "--algo", "supervised", "--per-class", 20,
                    "--steps", 200, "-o", self.folder / "run")
        scores = self.run_ok("mpl-train", "eval", "--json", "--student", self.folder / "run/best/student.onnx", *files).out
        self.assertGreater(json.loads(scores)["accuracy"], 0.95)  # alone, dogs would be class 0

    def test_images_that_cannot_be_read(self):
        for name in ("cat", "dog"):
            (self.folder / f"pets/{name}").mkdir(parents=True)
            for i in range(12):
                (self.folder / f"pets/{name}/{i}.png").write_bytes(harness.png(np.full((4, 4), 200 if name == "dog" else 40, np.uint8)))
        broken = self.folder / "pets/dog/5.png"
        broken.write_bytes(broken.read_bytes()[:40])
        net = self.gen("--net", "conv:1x4x4-4-2", "conv.onnx")
        command = ["fit", "--student", net, "--data", self.folder / "pets", "--per-class", 4, "--test-share", "0.25", *SHORT,
                   "--views.kind", "digits", "--steps", 5, "-o", self.folder / "run"]
        self.fails(65, "dog/5.png", *command)
        outcome = self.run_ok("mpl-train", *command, "--keep-going")
        self.assertRegex(outcome.err, "1 of 24 images were left out")

    def test_a_split_is_written_and_taken_again(self):
        run = self.fit("--steps", 5, "--test-share", "100")
        split = json.loads((run / "split.json").read_text())
        self.assertEqual([len(split[part]) for part in ("labelled", "unlabelled", "test")], [10, 1890, 100])
        again = self.fit("--steps", 5, "--seed", 9, "--split", run / "split.json", folder="again")
        self.assertEqual(json.loads((again / "split.json").read_text()), split)
        np.savez(self.folder / "other.npz", x=np.zeros((20, 2), np.float32), y=np.arange(20) % 2)
        self.fails(65, "is not that of", *self.command("--steps", 5, "--data", self.folder / "other.npz", "--split",
                                                       run / "split.json", folder="other"))

    def test_images_are_brought_to_the_size_that_the_network_takes(self):
        for name in ("cat", "dog"):
            (self.folder / f"pets/{name}").mkdir(parents=True)
            for i in range(10):
                image = np.full((6 + i, 9), 200 if name == "dog" else 40, np.uint8)
                (self.folder / f"pets/{name}/{i}.png").write_bytes(harness.png(image))
        net = self.gen("--net", "conv:1x4x4-4-2", "conv.onnx")
        self.run_ok("mpl-train", "fit", "--student", net, "--data", self.folder / "pets", "--per-class", 4, *SHORT, "--views.kind",
                    "digits", "--steps", 5, "-o", self.folder / "run")
        self.run_ok("mpl-train", "eval", "--student", net, "--data", self.folder / "pets", "--views.kind", "digits")

    def test_a_constant_average_takes_the_statistics_of_the_student(self):
        net, data = self.gen("--net", "conv:1x8x8-4-2", "conv.onnx"), self.folder / "images.npz"
        rng = np.random.default_rng(1)
        np.savez(data, x=rng.random((60, 1, 8, 8), dtype=np.float32), y=np.arange(60) % 2)
        command = ["fit", "--student", net, "--data", data, "--per-class", 5, *SHORT, "--steps", 6, "--ema-rule", "constant"]
        self.run_ok("mpl-train", *command, "--ema", 0.999, "-o", self.folder / "slow")
        self.run_ok("mpl-train", *command, "--ema", 0, "-o", self.folder / "none")
        slow, none = ({each.name: onnx.numpy_helper.to_array(each) for each in onnx.load(
            self.folder / run / "best/student.onnx").graph.initializer} for run in ("slow", "none"))
        self.assertTrue((slow["mean0"] == none["mean0"]).all())
        self.assertLess(np.abs(slow["w1"] - none["w1"]).max(), 1)
        self.assertGreater(np.abs(slow["w1"] - none["w1"]).max(), 1e-4)

    def collapsed(self):
        """A network that says class 0 of everything."""
        net = onnx.load(self.net)
        bias = next(each for each in net.graph.initializer if each.name == "b1")
        bias.CopyFrom(onnx.numpy_helper.from_array(np.array([9, -9], np.float32), "b1"))
        onnx.save(net, self.folder / "stuck.onnx")
        self.net = self.folder / "stuck.onnx"
        return self.command("--init", "file", "--supervised-weight", 0, "--steps", 1010, "--save-every", "0s")

    def test_collapse_ends_the_run_and_keeps_its_checkpoint(self):
        self.fails(1, "all pseudo labels became one", *self.collapsed())
        self.assertTrue((self.folder / "run/checkpoint/state.safetensors").exists())
        self.assertFalse((self.folder / "run/best/student.onnx").exists())

    def test_what_else_may_follow_a_collapse(self):
        command = self.collapsed()
        for what, says, times in (("warn", "lower --consistency.weight", 1), ("reduce-scale", "feedback counts half from now on", 2),
                                  ("reset-baseline", "feedback gets a new baseline", 2)):
            err = self.run_ok("mpl-train", *command, "--force", "--on-collapse", what).err
            self.assertEqual(err.count(says), times, err)

    def test_training_that_goes_wrong(self):
        self.net = self.gen("--net", "mlp:2-8-2", "relu.onnx")
        with np.load(self.data) as arrays:
            x, y = arrays["x"] * np.float32(1e30), arrays["y"]  # finite themselves, but no gradient is
        np.savez(self.folder / "large.npz", x=x, y=y)
        self.fails(1, "not a finite number", *self.command("--steps", 100, "--data", self.folder / "large.npz",
                                                           "--algo", "supervised"))
        self.assertFalse((self.folder / "run/best/student.onnx").exists())


if __name__ == "__main__":
    harness.main()
