// SPDX-License-Identifier: Apache-2.0
#include "measure/worker.h"

#include <chrono>
#include <cstdlib>

#include <catch2/catch.hpp>

#include "base/error.h"
#include "cli/version.h"
#include "measure/torch_runner.h"
#include "support/simple_cluster.h"

using namespace allot;
using namespace allot::measure;
using base::ErrorKind;
using Catch::Contains;

namespace {

/// An environment variable for the time of a test.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) { ::setenv(name, value.c_str(), 1); }
  ~Variable() { ::unsetenv(name_); }

 private:
  const char* name_;
};

struct FakeWorker {
  Variable path{"ALLOT_WORKER", std::string(ALLOT_SOURCE_DIR) + "/test/measure/fake_worker.py"};
  Variable version{"ALLOT_FAKE_VERSION", std::string(cli::version())};
};

Request small_request() {
  Request request;
  request.model = "/m.onnx";
  request.devices = {{"a", {}}, {"b", {}}};
  request.placement = {0, 0, 1};
  request.repeat = 4;
  return request;
}

ErrorKind kind_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const base::Error& error) {
    INFO(error.what());
    return error.kind();
  }
  FAIL("no error was thrown");
  return ErrorKind::internal;
}

}  // namespace

TEST_CASE("a request is answered") {
  const FakeWorker fake;
  Worker worker;
  CHECK(worker.hello().cores == 2);
  const Reply reply = worker.run(small_request(), deadline_after(30));
  CHECK(reply.seconds.size() == 4);
  CHECK(reply.seconds[1] == Approx(60e-6));
  REQUIRE(reply.check);
  CHECK(reply.check->ok);
  REQUIRE(reply.single);
  CHECK(reply.single->device == "a");
  REQUIRE(reply.devices.size() == 2);
  CHECK(reply.devices[0].busy_us == 20);
  REQUIRE(reply.transfers.size() == 1);
  CHECK(reply.transfers[0].bytes == 8192);
  REQUIRE(reply.timeline.size() == 3);
  CHECK(reply.timeline[2].device == 1);
  CHECK(reply.timeline[2].end_us == 30);
}

TEST_CASE("the request says all that a run needs") {
  Request request = small_request();
  request.devices[1].cuda = 1;
  request.dims = {{"batch", 8}};
  request.training = true;
  CHECK(to_json(request) ==
        R"({"schema":"allot.run-request/1","model":"/m.onnx","devices":[{"name":"a","kind":"cpu"},)"
        R"({"name":"b","kind":"cuda","index":1}],"placement":[0,0,1],"dims":{"batch":8},"inputs":"",)"
        R"("outputs":"","replace":false,"seed":0,"threads":0,"workload":"training","warm_up":2,"repeat":4,)"
        R"("check":true,"timeline":true})"
        "\n");
}

TEST_CASE("a worker that died is started again") {
  const FakeWorker fake;
  Worker worker;
  {
    const Variable fault("ALLOT_RUN_FAULT", "kill:1");
    CHECK_THROWS_WITH(worker.run(small_request(), deadline_after(30)), Contains("allot-worker: killed by signal 9"));
  }
  CHECK(worker.run(small_request(), deadline_after(30)).seconds.size() == 4);
}

TEST_CASE("errors of the worker keep their kind, place and remedy") {
  const FakeWorker fake;
  const Variable fault("ALLOT_RUN_FAULT", "memory:2");
  Worker worker;
  CHECK(kind_of([&] { worker.run(small_request(), deadline_after(30)); }) == ErrorKind::out_of_memory);
  CHECK_THROWS_WITH(worker.run(small_request(), deadline_after(30)), "node 2: no memory for it; use smaller batches");
}

TEST_CASE("a worker that is missing, old or fails to start is unavailable or says why") {
  {
    const Variable none("ALLOT_WORKER", "/nowhere/allot-worker");
    CHECK(kind_of([] { Worker().hello(); }) == ErrorKind::unavailable);
    CHECK_THROWS_WITH(Worker().hello(), Contains("ALLOT_LEARN=ON"));
  }
  const FakeWorker fake;
  {
    const Variable mode("ALLOT_FAKE_WORKER", "old");
    CHECK(kind_of([] { Worker().hello(); }) == ErrorKind::unavailable);
    CHECK_THROWS_WITH(Worker().hello(), Contains("is of version 9.9.9"));
  }
  const Variable mode("ALLOT_FAKE_WORKER", "exit");
  CHECK_THROWS_WITH(Worker().hello(), Contains("exit code 3: cannot find libtorch.so"));
}

TEST_CASE("answers that are none are malformed") {
  const FakeWorker fake;
  {
    const Variable mode("ALLOT_FAKE_WORKER", "garbage");
    CHECK(kind_of([] { Worker().run(small_request(), deadline_after(30)); }) == ErrorKind::malformed);
  }
  {
    const Variable mode("ALLOT_FAKE_WORKER", "extra");
    CHECK_THROWS_WITH(Worker().run(small_request(), deadline_after(30)), Contains("/mood is unknown"));
  }
  const Variable mode("ALLOT_FAKE_WORKER", "huge");
  CHECK_THROWS_WITH(Worker().run(small_request(), deadline_after(30)), Contains("a message of 1152921504606846976"));
  const auto answer = [](const std::string& node) {
    return R"({"schema":"allot.run-reply/1","seconds":[1,1,1,1],"devices":[{"name":"a","threads":1,"peak_bytes":0,)"
           R"("busy_us":0},{"name":"b","threads":1,"peak_bytes":0,"busy_us":0}],"nodes":[)" +
           node + R"(],"transfers":[]})";
  };
  CHECK(parse_reply(answer(R"({"node":2,"device":1,"median_us":3})"), small_request()).nodes[0].median_us == 3);
  for (const char* node : {R"({"node":3,"device":1,"median_us":3})", R"({"node":2,"device":2,"median_us":3})",
                           R"({"node":2,"device":1,"median_us":-3})", R"({"node":2,"device":1})", "7"})
    CHECK(kind_of([&] { parse_reply(answer(node), small_request()); }) == ErrorKind::malformed);
  CHECK(kind_of([] {
          parse_reply(R"({"schema":"allot.run-reply/1","error":{"kind":"sad","where":"","what":"","fix":""}})",
                      small_request());
        }) == ErrorKind::malformed);
}

TEST_CASE("what a worker tells on standard error does not stop it") {
  const FakeWorker fake;
  const Variable mode("ALLOT_FAKE_WORKER", "chatty");
  CHECK(Worker().run(small_request(), deadline_after(60)).seconds.size() == 4);
}

TEST_CASE("a failed placement is a measurement, and the next one is measured") {
  const FakeWorker fake;
  const auto cluster = test::simple_cluster({.devices = 3});
  TorchRunner runner("m.onnx", cluster, {.repeat = 9, .timeout_seconds = 2});
  const auto fails = [&](const std::string& fault, ErrorKind kind, const std::string& text) {
    TorchRunner failing("m.onnx", cluster, {.repeat = 9, .timeout_seconds = 1});
    const Variable variable("ALLOT_RUN_FAULT", fault);
    const Measurement failed = failing.measure({0, 2, 2});
    CHECK(failed.failed());
    CHECK(failed.failure_kind == kind);
    CHECK_THAT(failed.failure, Contains(text));
    CHECK(failed.seconds.empty());
  };
  fails("kill:0", ErrorKind::check_failed, "killed by signal 9");
  fails("memory:0", ErrorKind::out_of_memory, "no memory for it");
  fails("hang:0", ErrorKind::check_failed, "gave no answer in the time that it has");
  const Measurement measured = runner.measure({0, 2, 2});
  CHECK(measured.seconds.size() == 9);
  CHECK(measured.mean_seconds == Approx(60e-6));
  CHECK(runner.used() == std::vector<cluster::DeviceId>{0, 2});
  CHECK(runner.reply().devices[1].name == "d2");
}

TEST_CASE("a device has its share of the cores, whoever else takes part") {
  const FakeWorker fake;  // of two cores
  const auto cluster = test::simple_cluster({.devices = 2});
  const auto threads = [&](const std::vector<cluster::DeviceId>& placement, RunSettings settings) {
    TorchRunner runner("m.onnx", cluster, settings);
    CHECK_FALSE(runner.measure(placement).failed());
    return runner.reply().devices[0].threads;
  };
  CHECK(threads({0, 1}, {}) == 1);
  CHECK(threads({1, 1}, {}) == 1);
  CHECK(threads({1, 1}, {.threads = 8}) == 4);
  CHECK(threads({0, 1}, {.threads = 1}) == 1);  // fewer than devices
}

TEST_CASE("a device that is not there names its remedy") {
  const FakeWorker fake;
  auto cluster = test::simple_cluster({.devices = 2});
  cluster.devices[1].kind = "cuda";
  cluster.devices[1].ort.provider_options["device_id"] = "0";
  TorchRunner runner("m.onnx", cluster, {});
  CHECK(kind_of([&] { runner.measure({0, 1}); }) == ErrorKind::unavailable);
  CHECK_THROWS_WITH(runner.measure({0, 1}), Contains("--emulate"));
  CHECK_FALSE(runner.measure({0, 0}).failed());  // which it does not need
  CHECK_FALSE(TorchRunner("m.onnx", cluster, {.emulate = true}).measure({0, 1}).failed());
}
