# SPDX-License-Identifier: Apache-2.0
"""The installed tree and the tarball work anywhere, without the build tree and without an environment."""

import os
import pathlib
import shutil
import subprocess
import tarfile

import harness

BUILD = harness.BIN.parent
TOOLS = ["placer-apply", "placer-embed"]


class Package(harness.TestCase):
    def command(self, *words, **options):
        done = subprocess.run([str(word) for word in words], capture_output=True, text=True, **options)
        self.assertEqual(done.returncode, 0, f"{words}\n{done.stdout}\n{done.stderr}")
        return done.stdout

    def check_tree(self, prefix):
        """Everything is there, nothing points back to where it was built, and a model is placed with no environment."""
        for file in ["share/allot/configs/clusters", "share/doc/allot/LICENSE", "share/doc/allot/README.md",
                     *(f"share/bash-completion/completions/{tool}" for tool in TOOLS),
                     *(f"share/zsh/site-functions/_{tool}" for tool in TOOLS)]:
            self.assertTrue((prefix / file).exists(), f"{file} is missing")
        for binary in [*(prefix / "bin" / tool for tool in TOOLS), *prefix.glob("lib/liballot_core.so*")]:
            search = [line for line in self.command("readelf", "-d", binary).splitlines() if "RUNPATH" in line or "RPATH" in line]
            self.assertEqual(len(search), 1, f"{binary}: one search path for libraries")
            self.assertIn("[$ORIGIN/../lib:$ORIGIN/../lib/allot]", search[0])
        for tool in TOOLS:
            self.assertRegex(self.command(prefix / "bin" / tool, "--version", env={}), rf"^{tool} \d+\.\d+\.\d+")
        shutil.copy(harness.ROOT / "models/resnet50.onnx", self.folder / "model.onnx")
        output = prefix / "placed.onnx"
        self.command(prefix / "bin/placer-apply", self.folder / "model.onnx", "--method", "heft", "-o", output, env={})
        self.assertTrue(output.exists())
        output.unlink()
        harness.CHECKED["trees that place a model"] += 1

    def check_moved(self, prefix):
        self.check_tree(prefix)
        elsewhere = self.folder / "else where"
        shutil.move(prefix, elsewhere)
        self.check_tree(elsewhere)

    def test_install(self):
        self.command("cmake", "--install", BUILD, "--prefix", self.folder / "prefix")
        self.assertFalse((self.folder / "prefix/lib/allot").exists(), "an installed tree uses the system's libraries")
        self.check_moved(self.folder / "prefix")

    def test_tarball(self):
        self.command("cpack", "--config", BUILD / "CPackConfig.cmake", "-G", "TGZ", "-B", self.folder / "packages")
        (tarball,) = (self.folder / "packages").glob("allot-*.tar.gz")
        with tarfile.open(tarball) as archive:
            archive.extractall(self.folder, filter="data")
        prefix = self.folder / tarball.name.removesuffix(".tar.gz")
        bundled = {path.name.split(".so")[0] for path in (prefix / "lib/allot").iterdir()}
        solvers = {"libmetis", "libClp", "libCoinUtils", "liblapack", "libblas", "libgfortran", "libquadmath", "libbz2"}
        self.assertEqual(bundled, {"libprotobuf", "libyaml-cpp", "libfmt", "libpng16", "libturbojpeg"} | solvers)
        resolved = self.command("ldd", prefix / "bin/placer-apply", env={"PATH": os.environ["PATH"]})
        for library in bundled:
            self.assertRegex(resolved, rf"{library}\S* => \S*lib/allot/{library}", "the tarball's own copy is used")
        self.check_moved(prefix)

    def test_deb(self):
        self.command("cpack", "--config", BUILD / "CPackConfig.cmake", "-G", "DEB", "-B", self.folder / "packages")
        (package,) = (self.folder / "packages").glob("allot_*.deb")
        self.assertRegex(self.command("dpkg-deb", "-f", package, "Depends"), r"libprotobuf\S+ .*libyaml-cpp|libyaml-cpp.*libprotobuf")
        self.command("dpkg-deb", "-x", package, self.folder / "root")
        prefix = self.folder / "root/usr"
        self.assertFalse((prefix / "lib/allot").exists(), "a .deb depends on packages instead")
        self.check_moved(prefix)


if __name__ == "__main__":
    harness.main()
