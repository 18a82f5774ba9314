// SPDX-License-Identifier: Apache-2.0
#include "base/npy.h"

#include <cstring>

#include <catch2/catch.hpp>

#include "base/error.h"

using namespace allot;

namespace {

std::string npy(const std::string& header, const std::string& data, int version = 1) {
  std::string text = "\x93NUMPY";
  text += static_cast<char>(version);
  text += '\0';
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i) text += static_cast<char>(header.size() >> (8 * i));
  return text + header + data;
}

base::NpyArray read(const std::string& content) { return base::read_npy(base::Bytes::from(content, "x.npy")); }

std::string error_of(const std::string& content) {
  try {
    read(content);
  } catch (const base::Error& error) {
    return fmt::format("{} {}", base::exit_code(error.kind()), error.what());
  }
  return "no error";
}

const std::string kTwoFloats = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }   \n";

}  // namespace

TEST_CASE("npy: what NumPy writes") {
  const auto array = read(npy(kTwoFloats, std::string("\0\0\x80\x3f\0\0\0\x40", 8)));
  CHECK(array.dtype == "F32");
  CHECK(array.shape == std::vector<int64_t>{2});
  CHECK_FALSE(array.fortran_order);
  float second = 0;
  std::memcpy(&second, array.data.data() + 4, 4);
  CHECK(second == 2.0f);
  const auto matrix = read(npy("{'descr': '|b1', 'fortran_order': True, 'shape': (1, 3)}\n", std::string(3, '\1'), 2));
  CHECK(matrix.dtype == "BOOL");
  CHECK(matrix.shape == std::vector<int64_t>{1, 3});
  CHECK(matrix.fortran_order);
  CHECK(read(npy("{'descr': '<i8', 'fortran_order': False, 'shape': ()}\n", std::string(8, '\0'))).shape.empty());
}

TEST_CASE("npy: anything else is refused in words") {
  CHECK(error_of("") == "65 x.npy: is no .npy file; store the array with numpy.save");
  const std::string whole = npy(kTwoFloats, std::string(8, '\0'));
  for (size_t size = 0; size < whole.size(); ++size) CHECK(error_of(whole.substr(0, size)).starts_with("65 "));
  CHECK(error_of(whole + "x").find("holds 9 bytes") != std::string::npos);
  CHECK(error_of(npy("{'descr': '>f4', 'fortran_order': False, 'shape': (0,)}\n", "")).starts_with("69 "));
  CHECK(error_of(npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (0,)}\n", "")).starts_with("69 "));
  CHECK(error_of(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}\n", "")).starts_with("65 "));
  CHECK(error_of(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807, 9)}\n", ""))
            .starts_with("65 "));
  CHECK(error_of(npy("{'descr': '<f4', 'shape': (0,)}\n", "")).starts_with("65 "));
}
