// SPDX-License-Identifier: Apache-2.0
// Processes are tested by test/programs/placer_train_ranks.py, under mpirun.
#include "dist/team.h"

#include <catch2/catch.hpp>

#include "dist/local_ranks.h"

using namespace allot;
using base::Error;
using base::ErrorKind;
using dist::Team;
using namespace std::chrono_literals;

namespace {

/// What each rank's part of a job came to: its exit code, or what it threw.
struct Ends {
  explicit Ends(size_t ranks) : codes(ranks, -1), errors(ranks) {}
  std::vector<int> codes;
  std::vector<std::string> errors;
  void note(uint32_t rank, const std::function<int()>& job) {
    try {
      codes[rank] = job();
    } catch (const Error& error) {
      codes[rank] = -base::exit_code(error.kind());
      errors[rank] = error.what();
    }
  }
};

}  // namespace

TEST_CASE("team: every rank gets what each gave, and what the first gave, in step") {
  std::vector<std::vector<std::string>> got(3);
  std::vector<std::string> of_first(3);
  test::run_ranks(3, [&](auto& self, auto&) {
    Team team(self);
    for (int round = 0; round < 20; ++round) {
      if (self.rank() == static_cast<uint32_t>(round % 3)) std::this_thread::sleep_for(1ms);
      const std::string mine = std::to_string(round) + "." + std::to_string(self.rank());
      for (const std::string& each : team.gather(mine)) got[self.rank()].push_back(each);
      of_first[self.rank()] += team.from_first(mine);
    }
  });
  REQUIRE(got[0].size() == 60);
  CHECK(got[0][0] == "0.0");
  CHECK(got[0][59] == "19.2");
  CHECK(got[1] == got[0]);
  CHECK(got[2] == got[0]);
  CHECK(of_first[2] == of_first[0]);
  CHECK(of_first[0].starts_with("0.01.02.0"));
}

TEST_CASE("team: pieces are done once each, by ranks in turn") {
  for (const size_t pieces : {0, 1, 2, 7}) {
    std::vector<std::vector<uint32_t>> results(3, std::vector<uint32_t>(pieces));
    std::atomic<size_t> done = 0;
    test::run_ranks(3, [&](auto& self, auto&) {
      Team team(self);
      auto& mine = results[self.rank()];
      for (const size_t piece : dist::dealt(&team, pieces)) mine[piece] = 10 * piece + self.rank(), ++done;
      dist::exchange(
          &team, mine, [](auto& out, uint32_t value) { out.number(value); },
          [](auto& in) { return in.template number<uint32_t>(); });
    });
    CHECK(done == pieces);
    for (size_t piece = 0; piece < pieces; ++piece) CHECK(results[0][piece] == 10 * piece + piece % 3);
    CHECK(results[1] == results[0]);
    CHECK(results[2] == results[0]);
  }
  CHECK(dist::dealt(nullptr, 3) == std::vector<size_t>{0, 1, 2});
}

TEST_CASE("team: all go on while the first wants to and nobody is asked to stop") {
  std::vector<std::string> said(2);
  std::atomic<int> signal = 0;
  std::vector<int> codes(2);
  test::run_ranks(2, [&](auto& self, auto&) {
    Team team(self, {.stop_code = [&] { return self.rank() == 1 ? signal.load() : 0; }});
    const auto ask = [&](bool wanted) { said[self.rank()] += team.goes_on(wanted) ? '1' : '0'; };
    ask(true);
    ask(self.rank() == 0);
    ask(self.rank() == 1);
    team.gather({});
    signal = 143;
    team.gather({});
    ask(true);
    codes[self.rank()] = team.stop_code();  // known to all at once, as they end now
    team.gather({});
  });
  CHECK(said[0] == "1100");
  CHECK(said[1] == said[0]);
  CHECK(codes == std::vector<int>{143, 143});
}

TEST_CASE("team: the error of one rank ends all, and the first tells it") {
  Ends ends(3);
  std::atomic<int> forsaken = 0;
  test::run_ranks(3, [&](auto& self, auto&) {
    Team team(self);
    ends.note(self.rank(), [&] {
      return team.run([&] {
        team.gather({});
        if (self.rank() == 2) throw Error(ErrorKind::io, "a file", "is full", "free some space");
        team.gather({});
        return 0;
      });
    });
    forsaken += self.forsaken ? 1 : 0;
  });
  CHECK(forsaken == 3);
  CHECK(ends.codes == std::vector<int>{-74, 74, 74});
  CHECK(ends.errors[0] == "rank 2: a file: is full; free some space");
}

TEST_CASE("team: an error of all is told as that of the first") {
  Ends ends(3);
  test::run_ranks(3, [&](auto& self, auto&) {
    Team team(self);
    ends.note(self.rank(), [&] {
      return team.run(
          [&]() -> int { throw Error(ErrorKind::usage, "--x", "is wrong " + std::to_string(self.rank())); });
    });
  });
  CHECK(ends.codes == std::vector<int>{-64, 64, 64});
  CHECK(ends.errors[0].starts_with("--x: is wrong 0"));
}

TEST_CASE("team: a rank that died ends all others") {
  for (const uint32_t victim : {0, 1}) {
    Ends ends(3);
    test::run_ranks(3, [&](auto& self, auto& wires) {
      Team team(self, {.silence_s = 1});
      ends.note(self.rank(), [&] {
        return team.run([&] {
          team.gather({});
          if (self.rank() == victim) {
            wires.dead[victim] = true;
            return 0;
          }
          while (true) team.gather({});
        });
      });
    });
    INFO(victim);
    const std::string told = "rank " + std::to_string(victim) + ": was not heard of for 1 s";
    if (victim == 1) {
      CHECK(ends.codes[0] == -75);
      CHECK(ends.errors[0].starts_with(told));
      CHECK(ends.errors[0].find("run the same command with --resume") != std::string::npos);
      CHECK(ends.codes[2] == 75);
    } else {
      for (const size_t other : {1, 2}) {
        CHECK(ends.codes[other] == -75);
        CHECK(ends.errors[other].find(told) != std::string::npos);
      }
    }
  }
}

TEST_CASE("team: messages of two ranks go past the others, in order") {
  std::string got;
  test::run_ranks(3, [&](auto& self, auto&) {
    Team team(self);
    if (self.rank() != 0) {
      for (int i = 0; i < 5; ++i) team.send(0, std::to_string(self.rank()) + std::to_string(i));
      team.receive(0);  // what gather() sends would be taken for a message
    } else {
      for (int i = 0; i < 5; ++i) got += team.receive(2).bytes + " ";
      for (int i = 0; i < 5; ++i) {
        const auto received = team.receive();
        got += received.from == 1 ? received.bytes + " " : "?";
      }
      for (const uint32_t other : {1, 2}) team.send(other, {});
    }
    team.gather({});
  });
  CHECK(got == "20 21 22 23 24 10 11 12 13 14 ");
}

TEST_CASE("team: one rank needs nobody") {
  test::Wires wires(1);
  test::LocalRank alone(wires, 0);
  std::atomic<bool> stop = false;
  Team team(alone, {.stop = &stop, .stop_code = [&] { return stop ? 130 : 0; }});
  CHECK(team.gather("x") == std::vector<std::string>{"x"});
  CHECK(team.from_first("y") == "y");
  CHECK(team.goes_on(true));
  CHECK_FALSE(team.goes_on(false));
  stop = true;
  CHECK_FALSE(team.goes_on(true));
  CHECK(team.stop_code() == 130);
  CHECK_THROWS_AS(team.run([]() -> int { throw Error(ErrorKind::io, "", "x"); }), Error);
  CHECK_FALSE(alone.forsaken);
}

TEST_CASE("wire: what was written is read, and damage is told") {
  dist::WireWriter out;
  out.number(int64_t{-7});
  out.text(std::string("a\0b", 3));
  out.error(Error(ErrorKind::io, "where", "what", "fix"));
  const std::string bytes = out.take();
  dist::WireReader in(bytes);
  CHECK(in.number<int64_t>() == -7);
  CHECK(in.text() == std::string("a\0b", 3));
  const Error error = in.error();
  CHECK(std::string(error.what()) == "where: what; fix");
  CHECK(error.kind() == ErrorKind::io);
  CHECK(in.at_end());
  for (size_t size = 0; size < bytes.size(); ++size) {
    dist::WireReader cut(std::string_view(bytes).substr(0, size));
    CHECK_THROWS_AS((cut.number<int64_t>(), cut.text(), cut.error()), Error);
  }
}
