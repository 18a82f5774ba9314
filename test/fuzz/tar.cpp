// SPDX-License-Identifier: Apache-2.0
// A tar archive: every member lies within it, in order and without overlap.
#include "data/tar.h"

#include "fuzz/target.h"

void allot::fuzz::parse(std::string_view bytes) {
  const auto file = base::Bytes::from(std::string(bytes));
  uint64_t end = 0;
  for (const data::TarMember& member : data::read_tar(*file)) {
    ALLOT_ASSERT(member.offset >= end + 512 && member.size <= bytes.size() &&
                 member.offset <= bytes.size() - member.size);
    end = member.offset + member.size;
  }
}
