// SPDX-License-Identifier: Apache-2.0
// The ONNX files in the folders that ALLOT_TEST_MODELS names (separated by colons), read without a word.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "base/log.h"

namespace allot::test {

/// No warnings while it lives.
class Quiet {
 public:
  Quiet() : level_(base::log_level()) { base::configure_log({"", base::LogLevel::quiet, false, ""}); }
  ~Quiet() { base::configure_log({"", level_, false, ""}); }

 private:
  base::LogLevel level_;
};

inline std::vector<std::string> corpus() {
  std::vector<std::string> files;
  const char* folders = std::getenv("ALLOT_TEST_MODELS");
  if (!folders) {
    std::cerr << "note: ALLOT_TEST_MODELS is unset, tests on real models are skipped\n";
    return files;
  }
  std::istringstream list(folders);
  for (std::string folder; std::getline(list, folder, ':');)
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
      if (entry.path().extension() == ".onnx") files.push_back(entry.path().string());
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace allot::test
