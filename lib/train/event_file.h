// SPDX-License-Identifier: Apache-2.0
// What a run reports, as TensorBoard reads it.
#pragma once

#include <cstdint>
#include <fstream>
#include <string>
#include <string_view>

#include "train/record.h"

namespace allot::train {

/// A file of records, each length, CRC, data, CRC (TFRecord) around an Event message with scalars named
/// "<phase>/<metric>". It says nothing that metrics.jsonl does not, so it is always written from its beginning.
class EventFile {
 public:
  /// Replaces the file. Errors: cannot_create; io from all functions.
  explicit EventFile(const std::string& path);
  /// `began`: seconds since 1970 that the seconds of records count from.
  void append(const Record& record, double began);
  void flush();

 private:
  void write(std::string_view event);

  std::string path_;
  std::ofstream file_;
};

/// CRC-32C (Castagnoli), reflected, as in RFC 3720 appendix B.4.
uint32_t crc32c(std::string_view bytes);

}  // namespace allot::train
