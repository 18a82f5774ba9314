// SPDX-License-Identifier: Apache-2.0
// Runs a target on every file of the given folders, whole and cut short: what fuzzing once found stays mended.
#include <cstdio>
#include <exception>
#include <filesystem>

#include "base/file.h"
#include "fuzz/target.h"

int main(int argc, char** argv) {
  using namespace allot;
  size_t inputs = 0;
  for (int i = 1; i < argc; ++i) {
    for (const auto& entry : std::filesystem::directory_iterator(argv[i])) {
      const auto file = base::Bytes::open(entry.path().string());
      try {
        for (const uint64_t size : {file->size(), file->size() / 2, file->size() / 3}) {
          fuzz::attempt(file->view().substr(0, size));
          ++inputs;
        }
      } catch (const std::exception& error) {
        std::fprintf(stderr, "%s: %s\n", entry.path().c_str(), error.what());
        return 1;
      }
    }
  }
  std::printf("%zu inputs\n", inputs);
  return inputs == 0;
}
