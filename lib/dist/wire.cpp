// SPDX-License-Identifier: Apache-2.0
#include "dist/wire.h"

namespace allot::dist {

void WireWriter::text(std::string_view text) {
  number(uint64_t{text.size()});
  bytes_.append(text);
}

void WireWriter::error(const base::Error& error) {
  number(error.kind());
  for (const std::string* each : {&error.where(), &error.message(), &error.fix()}) text(*each);
}

std::string_view WireReader::bytes(size_t count) {
  if (count > rest_.size()) damaged();
  const std::string_view taken = rest_.substr(0, count);
  rest_.remove_prefix(count);
  return taken;
}

std::string WireReader::text() { return std::string(bytes(number<uint64_t>())); }

base::Error WireReader::error() {
  const auto kind = number<base::ErrorKind>();
  std::string texts[3];
  for (std::string& each : texts) each = text();
  return {kind, texts[0], texts[1], texts[2]};
}

void WireReader::damaged() {
  throw base::Error(base::ErrorKind::malformed, "a message of another rank", "is damaged",
                    "run the same build on all ranks");
}

}  // namespace allot::dist
