// SPDX-License-Identifier: Apache-2.0
#include "data/read_idx.h"

#include <zlib.h>

#include <catch2/catch.hpp>

#include "data/data_files.h"

using namespace allot;
using test::error_of;
using test::Folder;

namespace {

std::string idx(char type, const std::vector<uint32_t>& dims, const std::string& content) {
  std::string text{'\0', '\0', type, static_cast<char>(dims.size())};
  for (const uint32_t dim : dims)
    for (int shift = 24; shift >= 0; shift -= 8) text += static_cast<char>(dim >> shift);
  return text + content;
}

std::string gzip(const std::string& text) {
  std::string packed(::compressBound(text.size()) + 64, '\0');
  z_stream stream{};
  REQUIRE(::deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  REQUIRE(::deflate(&stream, Z_FINISH) == Z_STREAM_END);
  packed.resize(stream.total_out);
  ::deflateEnd(&stream);
  return packed;
}

const std::string kImages = idx(8, {3, 2, 2}, "abcdefghijkl");
const std::string kLabels = idx(8, {3}, std::string("\2\0\1", 3));

}  // namespace

TEST_CASE("idx: images find the labels beside them, packed or not") {
  const Folder folder;
  const std::string images = folder.write("train-images-idx3-ubyte", kImages);
  CHECK(data::read(images).label_kind == data::LabelKind::none);
  folder.write("train-labels-idx1-ubyte.gz", gzip(kLabels));
  const std::string packed = folder.write("train-images-idx3-ubyte.gz", gzip(kImages));
  for (const std::string& path : {images, packed}) {
    const auto dataset = data::read(path);
    CHECK(dataset.feature("x").shape == std::vector<int64_t>{3, 2, 2});
    CHECK(dataset.feature("x").row<uint8_t>(2)[3] == 'l');
    CHECK(dataset.classes() == 3);
    CHECK(dataset.labels.row<int64_t>(0)[0] == 2);
  }
}

TEST_CASE("idx: a folder is read whole, test images apart") {
  const Folder folder;
  for (const char* part : {"train", "t10k"}) {
    folder.write(std::string(part) + "-images-idx3-ubyte", kImages);
    folder.write(std::string(part) + "-labels-idx1-ubyte", kLabels);
  }
  const auto dataset = data::read(folder.path());
  CHECK(dataset.size() == 6);
  CHECK(dataset.parts == std::vector<std::string>{"test", "test", "test", "train", "train", "train"});
  CHECK(dataset.labels.row<int64_t>(3)[0] == 2);
}

TEST_CASE("idx: big-endian numbers of other types") {
  const Folder folder;
  const auto shorts = data::read(folder.write("a", idx(0x0B, {2}, std::string("\xff\xfe\x01\x00", 4)))).features[0];
  CHECK(shorts.values<int64_t>()[0] == -2);
  CHECK(shorts.values<int64_t>()[1] == 256);
  const auto real = data::read(folder.write("a", idx(0x0D, {1, 1}, std::string("\x3f\x80\0\0", 4)))).features[0];
  CHECK(real.values<float>()[0] == 1.0f);
}

TEST_CASE("idx: damaged files are refused by name") {
  const Folder folder;
  const auto error = [&](const std::string& content) {
    return error_of([&] { data::read(folder.write("a", content)); });
  };
  for (size_t size = 0; size < kImages.size(); ++size) CHECK(error(kImages.substr(0, size)).starts_with("65 "));
  CHECK(error(kImages + "x").find("holds 13 bytes of elements, its dimensions need 12") != std::string::npos);
  CHECK(error(idx(8, {0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF}, "")).find("impossible dimensions") != std::string::npos);
  const std::string packed = gzip(kImages);
  for (size_t size = 2; size < packed.size(); ++size) CHECK(error(packed.substr(0, size)).starts_with("65 "));
  CHECK(error(packed + "x").find("damaged") != std::string::npos);
  folder.write("few-labels-idx1-ubyte", idx(8, {2}, "ab"));
  CHECK(error_of([&] {
          data::read(folder.write("few-images-idx3-ubyte", kImages));
        }).find("has 3 items and labels for 2") != std::string::npos);
}

TEST_CASE("gzip: members follow one another; what unpacks to too much is refused before it does") {
  const Folder folder;
  const std::string path = folder.write("a.npy.gz", gzip(kImages.substr(0, 10)) + gzip(kImages.substr(10)));
  CHECK(data::read(path).size() == 3);
  const std::string zeros = folder.write("zeros.gz", gzip(std::string(1 << 22, '\0')));
  CHECK(error_of([&] { data::read(zeros, {.most_bytes = 1 << 20}); }).find("limit of 1048576 bytes") !=
        std::string::npos);
}
