// SPDX-License-Identifier: Apache-2.0
#include "cli/app.h"

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <new>
#include <sstream>

#include <fmt/format.h>
#include <unistd.h>
#include <catch2/catch.hpp>

#include "base/error.h"
#include "base/log.h"
#include "cli/version.h"

using namespace allot::cli;
using allot::base::Error;
using allot::base::ErrorKind;

namespace {

/// A folder that goes with the test.
struct Scratch {
  std::filesystem::path folder;
  Scratch() {
    std::string pattern = (std::filesystem::temp_directory_path() / "allot-cli-XXXXXX").string();
    REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    folder = pattern;
  }
  ~Scratch() { std::filesystem::remove_all(folder); }
  std::string file(const std::string& name, const std::string& content) const {
    std::ofstream(folder / name) << content;
    return (folder / name).string();
  }
};

std::string content_of(const std::filesystem::path& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

/// Sends a file descriptor to a file while it lives.
class Redirect {
 public:
  Redirect(int fd, const std::filesystem::path& path) : fd_(fd), saved_(::dup(fd)) {
    std::fflush(nullptr);
    std::FILE* file = std::fopen(path.c_str(), "w");
    ::dup2(::fileno(file), fd);
    std::fclose(file);
  }
  ~Redirect() {
    std::fflush(nullptr);
    ::dup2(saved_, fd_);
    ::close(saved_);
  }

 private:
  int fd_, saved_;
};

struct Result {
  int code = -1;
  std::string out, err;
};

/// A tool with an option of each kind, run in this process.
struct Tool {
  bool fast = false;
  int64_t count = 3;
  double limit = 1024, delta = 0;
  std::string method = "auto", output;
  std::vector<std::string> deny, inputs;
  size_t min = 1, max = 2;
  std::function<int()> body = [] { return 0; };
  std::string stdout_path;  // instead of a scratch file

  Result run(std::vector<std::string> words) {
    App app("tool", "shows what a tool can do");
    app.positionals("INPUT", inputs, "what to read", min, max);
    app.bind([this](allot::config::Binder& b) {
      b.flag("fast", fast, "skip what takes long");
      b.integer("count", count, "how many", 0, 100);
      b.text("output", output, "where to write").metavar = "FILE";
      b.list("deny", deny, "op types that may not run there");
      b.section("search", "how to look", [this](allot::config::Binder& s) {
        s.number("memory_limit", limit, "bytes to use", 0, 0x1p40, allot::config::Unit::bytes);
        s.number("delta", delta, "a signed number", -10, 10);
        s.choice("method", method, "how to place", {"auto", "heft"});
      });
    });
    app.short_flag("o", "output");
    app.example("tool a.onnx -o b.onnx", "reads a, writes b");
    app.component("onnx", "1.22.0");
    words.insert(words.begin(), "tool");
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    const Scratch scratch;
    Result result;
    {
      const Redirect out(1, stdout_path.empty() ? (scratch.folder / "out").string() : stdout_path);
      const Redirect err(2, scratch.folder / "err");
      result.code = app.run(static_cast<int>(argv.size()), argv.data(), body);
    }
    result.out = content_of(scratch.folder / "out");
    result.err = content_of(scratch.folder / "err");
    common = app.common().config.size();
    seed = app.common().seed;
    verbosity = app.common().verbosity;
    force = app.common().force;
    allot::base::configure_log({});
    return result;
  }
  size_t common = 0;
  int64_t seed = 0;
  int verbosity = 0;
  bool force = false;
};

}  // namespace

TEST_CASE("flags of every form reach their options") {
  Tool t;
  const auto r =
      t.run({"in.onnx", "--fast", "--count=7", "-o", "x.onnx", "--deny", "A", "--deny=[B]", "--search.delta", "-2.5",
             "--search.memory-limit", "16KiB", "--search.method=heft", "-vv", "--seed", "9", "--force", "-"});
  CHECK(r.code == 0);
  CHECK(t.fast);
  CHECK(t.count == 7);
  CHECK(t.output == "x.onnx");
  CHECK(t.deny == std::vector<std::string>{"A", "[B]"});
  CHECK(t.delta == -2.5);
  CHECK(t.limit == 16384);
  CHECK(t.method == "heft");
  CHECK(t.verbosity == 2);
  CHECK(t.seed == 9);
  CHECK(t.force);
  CHECK(t.inputs == std::vector<std::string>{"in.onnx", "-"});
}

TEST_CASE("corner cases of words") {
  {
    Tool t;  // an empty value is a value; the last of several wins; --flag=false undoes
    CHECK(t.run({"--output=", "in", "--count", "1", "--count", "2", "--fast", "--fast=false"}).code == 0);
    CHECK(t.output.empty());
    CHECK(t.inputs == std::vector<std::string>{"in"});
    CHECK(t.count == 2);
    CHECK(!t.fast);
  }
  {
    Tool t;  // after -- nothing is a flag; negative numbers never are
    CHECK(t.run({"-ofile", "--", "--fast", "-x"}).code == 0);
    CHECK(t.output == "file");
    CHECK(t.inputs == std::vector<std::string>{"--fast", "-x"});
    CHECK(!t.fast);
    Tool u;
    CHECK(u.run({"-5", "--output=a=b"}).code == 0);
    CHECK(u.inputs == std::vector<std::string>{"-5"});
    CHECK(u.output == "a=b");
  }
}

TEST_CASE("wrong command lines end with 64 and one line that helps") {
  const std::pair<std::vector<std::string>, const char*> cases[] = {
      {{"in", "--fsat"}, "tool: --fsat: there is no such flag; did you mean --fast?\n"},
      {{"in", "--fsat", "--cuont=3"}, "tool: --fsat, --cuont: there are no such flags; did you mean --fast --count?\n"},
      {{"in", "--zzzzzzzzzz"}, "tool: --zzzzzzzzzz: there is no such flag; see tool --help\n"},
      {{"in", "-Z"}, "tool: -Z: there is no such flag; see tool --help\n"},
      {{"in", "--count"}, "tool: --count: needs a value; see tool --help\n"},
      {{"in", "--output", "--fast"}, "tool: --output: needs a value, and --fast is a flag; write --output FILE\n"},
      {{"in", "--count", "x"}, "tool: --count: 'x' is not a whole number; write for example 100 or 20k\n"},
      {{"in", "--count", "101"}, "tool: --count: '101' is out of range; choose between 0 and 100\n"},
      {{"in", "--fast=maybe"}, "tool: --fast: 'maybe' is not a switch; write true or false\n"},
      {{"in", "--search.method", "hefd"}, "tool: --search.method: 'hefd' is not a choice; choose one of: auto, heft\n"},
      {{"in", "--print-config=all"}, nullptr},
      {{"in", "--set", "cuont=4"}, "tool: --set cuont: there is no such option; did you mean 'count'?\n"},
      {{"in", "--set", "count"}, "tool: --set count: is not an assignment; write --set key=value\n"},
      {{"in", "--set", "output"}, nullptr},
      {{}, "tool: INPUT: is missing; write tool INPUT ..., or see --help\n"},
      {{"a", "b", "c"}, "tool: c: is one argument too many; tool takes at most 2 INPUT\n"},
      {{"in", "--completion", "fish"}, nullptr},
      {{"in", "--x\ny"}, "tool: --x\\x0ay: there is no such flag; see tool --help\n"},
  };
  for (const auto& [words, message] : cases) {
    Tool t;
    t.body = []() -> int {
      FAIL("the body ran");
      return 0;
    };
    const auto r = t.run(words);
    INFO(r.err);
    CHECK(r.code == 64);
    CHECK(r.out.empty());
    CHECK(std::count(r.err.begin(), r.err.end(), '\n') == 1);
    if (message) CHECK(r.err == message);
  }
}

TEST_CASE("layers: defaults below files in order below --set below flags") {
  const Scratch scratch;
  const auto one = scratch.file("one.yaml", "count: 10\noutput: one\nsearch: {delta: 1}\ndeny: [A, B]\nseed: 5\n");
  const auto two = scratch.file("two.yaml", "count: 20\nsearch: {method: heft}\nfast: true\n");
  Tool t;
  CHECK(t.run({"in", "--count=40", "--config", one, "--set", "count=30", "--config", two, "--set", "search.delta=2"})
            .code == 0);
  CHECK(t.count == 40);
  CHECK(t.output == "one");
  CHECK(t.delta == 2);
  CHECK(t.method == "heft");
  CHECK(t.deny == std::vector<std::string>{"A", "B"});
  CHECK(t.seed == 5);
  CHECK(t.fast);
  Tool u;
  CHECK(u.run({"in", "--config", one, "--config", two, "--deny", "C", "--fast=false"}).code == 0);
  CHECK(u.count == 20);
  CHECK(u.deny == std::vector<std::string>{"C"});
  CHECK(!u.fast);
}

TEST_CASE("configuration files end with 78 or 66") {
  const Scratch scratch;
  Tool t;
  const auto bad = scratch.file("bad.yaml", "a: 1\ncuont: 3\n");
  const auto r = t.run({"in", "--config", bad});
  CHECK(r.code == 78);
  CHECK(r.err == "tool: " + bad +
                     ":1: unknown keys 'a', 'cuont' in line 2 (did you mean 'count'?); correct or remove "
                     "them\n");
  CHECK(t.run({"in", "--config", scratch.file("range.yaml", "count: 101\n")}).code == 78);
  CHECK(t.run({"in", "--config", scratch.file("run.yaml", "force: true\n")}).code == 78);
  CHECK(t.run({"in", "--config", (scratch.folder / "none.yaml").string()}).code == 66);
}

TEST_CASE("the printed configuration gives the same run") {
  const Scratch scratch;
  Tool t;
  const auto full =
      t.run({"--print-config", "--count=7", "--deny=A", "--search.delta=-1", "--set", "search.method=heft"});
  REQUIRE(full.code == 0);
  CHECK(full.err.empty());
  CHECK(full.out.find("# how many (between 0 and 100)\ncount: 7\n") != std::string::npos);
  CHECK(full.out.find("force") == std::string::npos);
  Tool u;
  const auto again = u.run({"--print-config", "--config", scratch.file("c.yaml", full.out)});
  CHECK(again.out == full.out);
  Tool v;
  const auto minimal = v.run({"--print-config=minimal", "--count=7"});
  CHECK(minimal.out == "# how many (between 0 and 100)\ncount: 7\n");
}

TEST_CASE("help shows groups and units and defaults and examples and exit codes") {
  Tool t;
  const auto r = t.run({"--help", "--nonsense"});
  CHECK(r.code == 64);
  const auto help = t.run({"-h"});
  REQUIRE(help.code == 0);
  for (const char* text :
       {"tool - shows what a tool can do\n", "Usage: tool [OPTION]... INPUT [INPUT]\n", "  INPUT ", "\nOptions:\n",
        "  -o, --output FILE", "      --count N               how many [between 0 and 100, default 3]\n",
        "\nOptions for search - how to look:\n", "      --search.memory-limit BYTES\n",
        "bytes to use [between 0B and 1TiB, default 1KiB]\n", "      --search.method auto|heft\n",
        "\nCommon options:\n", "      --print-config[=minimal]", "  -v, --verbose", "repeatable",
        "  # reads a, writes b\n", "\nExit codes:\n", "  64     the command line is wrong\n", "  128+n "}) {
    INFO(text);
    CHECK(help.out.find(text) != std::string::npos);
  }
  std::istringstream lines(help.out);
  for (std::string line; std::getline(lines, line);) CHECK(line.size() <= 100);
}

TEST_CASE("a tool describes itself in other forms too") {
  Tool t;
  const auto version = t.run({"--version"});
  CHECK(version.code == 0);
  CHECK(version.out == fmt::format("tool {}\nonnx 1.22.0\n", build_description()));
  CHECK(build_description().find("GCC") != std::string::npos);
  const auto bash = t.run({"--completion", "bash"});
  CHECK(bash.out.find("--search.method) COMPREPLY=($(compgen -W \"auto heft\" -- \"$word\")); return ;;\n") !=
        std::string::npos);
  CHECK(bash.out.find("complete -o filenames -F _tool tool\n") != std::string::npos);
  const Scratch scratch;
  CHECK(std::system(("bash -n " + scratch.file("completion.bash", bash.out)).c_str()) == 0);
  const auto zsh = t.run({"--completion=zsh"});
  CHECK(zsh.out.find("'--search.method=[how to place]:choice:(auto heft)'") != std::string::npos);
  const auto markdown = t.run({"--help-markdown"});
  CHECK(markdown.out.find("| `--count` | integer, between 0 and 100 | `3` | how many |\n") != std::string::npos);
}

TEST_CASE("what the body does decides the exit code") {
  const std::pair<std::function<int()>, int> cases[] = {
      {[] { return 0; }, 0},
      {[] { return 1; }, 1},
      {[]() -> int { throw Error(ErrorKind::malformed, "m.onnx", "is torn", "download it again"); }, 65},
      {[]() -> int { throw Error(ErrorKind::unavailable, "", "no device"); }, 69},
      {[]() -> int { throw std::bad_alloc(); }, 71},
      {[]() -> int { throw std::runtime_error("odd"); }, 70},
      {[]() -> int { throw 5; }, 70},
      {[]() -> int { throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again)); }, 75},
      {[]() -> int { throw Error(ErrorKind::io, "-", "cannot write"); }, 74},
  };
  for (const auto& [body, code] : cases) {
    Tool t;
    t.body = body;
    const auto r = t.run({"in"});
    CHECK(r.code == code);
    CHECK(std::count(r.err.begin(), r.err.end(), '\n') == (code > 1 ? 1 : 0));
    if (code == 65) CHECK(r.err == "tool: m.onnx: is torn; download it again\n");
  }
}

TEST_CASE("a full disk behind standard output is an error and a reader that left is not") {
  Tool t;
  t.body = [] { return fmt::print("hello\n"), 0; };
  t.stdout_path = "/dev/full";
  const auto full = t.run({"in"});
  CHECK(full.code == 74);
  CHECK(full.err.find("standard output: cannot write: No space left on device") != std::string::npos);
  std::clearerr(stdout);

  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  ::close(ends[0]);
  Tool u;
  const int saved = ::dup(1);
  u.body = [&] {
    ::dup2(ends[1], 1);
    for (int i = 0; i < 100'000; ++i) std::printf("line\n");
    return 0;
  };
  const auto gone = u.run({"in"});
  ::dup2(saved, 1);
  ::close(saved);
  ::close(ends[1]);
  std::clearerr(stdout);
  CHECK(gone.code == 0);
  CHECK(gone.err.empty());
}

TEST_CASE("messages also go to the log file and --quiet silences them") {
  const Scratch scratch;
  const auto log = (scratch.folder / "log.txt").string();
  Tool t;
  t.body = [] { return allot::base::info("working"), allot::base::warn("careful"), 0; };
  const auto r = t.run({"in", "--log", log, "-v", "--color=never"});
  CHECK(r.err.find("working\n") != std::string::npos);
  CHECK(r.err.find("tool: warning: careful\n") != std::string::npos);
  CHECK(r.err.find("tool in --log ") != std::string::npos);
  CHECK(content_of(log).find("working\n") != std::string::npos);
  CHECK(t.run({"in", "-q"}).err.empty());
  CHECK(t.run({"in", "--log", "/no/such/folder/log"}).code == 73);
  CHECK(t.run({"in", "--color=always"}).err.find("\033[33m") != std::string::npos);
}

TEST_CASE("the first signal asks to stop and the command ends with its number") {
  Tool t;
  bool before = true, after = false;
  t.body = [&] {
    before = stop_requested();
    ::raise(SIGTERM);
    after = stop_requested();
    return 0;
  };
  CHECK(t.run({"in"}).code == 143);
  CHECK(!before);
  CHECK(after);
  struct sigaction action {};
  ::sigaction(SIGINT, nullptr, &action);
  CHECK(action.sa_handler == SIG_DFL);  // the second one ends the process
}
