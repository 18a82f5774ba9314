// SPDX-License-Identifier: Apache-2.0
// What a training run reports, one JSON object a line.
#pragma once

#include <cstdint>
#include <string>

namespace allot::train {

/// Lines are whole: what a full disk cut off is taken away again. One process at a time has the file.
class MetricsFile {
 public:
  /// Opens or makes it. Errors: cannot_create, permission; try_again while another process has it.
  explicit MetricsFile(std::string path);
  ~MetricsFile();
  MetricsFile(const MetricsFile&) = delete;
  MetricsFile& operator=(const MetricsFile&) = delete;

  uint64_t bytes() const { return bytes_; }
  /// `line` with or without its line break. Errors: io.
  void append(std::string line);
  /// Keeps the first `bytes`; of a file that has fewer, all. Errors: io.
  void cut(uint64_t bytes);
  /// Waits until all is on the disk. Errors: io.
  void flush();

 private:
  std::string path_;
  int descriptor_;
  uint64_t bytes_ = 0;
};

}  // namespace allot::train
