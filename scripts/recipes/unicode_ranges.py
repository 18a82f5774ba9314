#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Letters and numbers of Unicode as ranges: writes lib/base/unicode_ranges.h anew.

  pip install unicodedata2==16.0.0
  unicode_ranges.py
"""

import pathlib

import unicodedata2

TARGET = pathlib.Path(__file__).resolve().parents[2] / "lib/base/unicode_ranges.h"
HEAD = """\
// SPDX-License-Identifier: Apache-2.0
// Ranges of code points by general category, first and last of each. Written by scripts/recipes/unicode_ranges.py from
// the Unicode Character Database, version {version}.
#pragma once

#include <cstdint>

namespace allot::base {{

// clang-format off
"""
TAIL = """\
// clang-format on

}  // namespace allot::base
"""


def ranges(category):
    found = []
    for point in range(0x110000):
        if not unicodedata2.category(chr(point)).startswith(category):
            continue
        if found and found[-1][1] == point - 1:
            found[-1][1] = point
        else:
            found.append([point, point])
    return found


def table(name, category):
    items = [f"{{0x{first:X}, 0x{last:X}}}," for first, last in ranges(category)]
    lines, line = [], " "
    for item in items:
        if len(line) + 1 + len(item) > 120:
            lines.append(line)
            line = " "
        line += " " + item
    return f"inline constexpr uint32_t {name}[][2] = {{\n" + "\n".join([*lines, line]) + "\n};\n"


TARGET.write_text(HEAD.format(version=unicodedata2.unidata_version) + table("kLetterRanges", "L") + table("kNumberRanges", "N") + TAIL)
