// SPDX-License-Identifier: Apache-2.0
#include "data/read_numpy.h"

#include <filesystem>

#include <catch2/catch.hpp>

#include "data/data_files.h"
#include "data/read.h"
#include "data/zip.h"

using namespace allot;
using data::DType;
using test::error_of;
using test::Folder;

namespace {

std::string npy(const std::string& descr, const std::string& shape, const std::string& content, bool fortran = false) {
  std::string header =
      "{'descr': '" + descr + "', 'fortran_order': " + (fortran ? "True" : "False") + ", 'shape': (" + shape + "), }\n";
  return std::string("\x93NUMPY\1\0", 8) + static_cast<char>(header.size()) + '\0' + header + content;
}

std::string read_error(const Folder& folder, const std::string& name, const std::string& content,
                       const data::ReadOptions& options = {}) {
  const std::string path = folder.write(name, content);
  return error_of([&] { data::read(path, options); });
}

}  // namespace

TEST_CASE("npz: what is written is read back, and the same bytes are written again") {
  const Folder folder;
  data::Dataset dataset;
  dataset.features = {data::make_array<float>("x", {3, 2}, {1, 2, 3, 4, 5, 6}),
                      data::make_array<uint8_t>("image", {3, 1, 2}, {1, 2, 3, 4, 5, 255})};
  dataset.label_kind = data::LabelKind::classes;
  dataset.labels = data::make_array<int64_t>("y", {3}, {1, -1, 0});
  const std::string path = folder.path("a.npz");
  data::write_npz(path, dataset, base::Replace::own);
  const std::string first = base::read_text(path);
  data::write_npz(path, dataset, base::Replace::own);  // it knows its own files
  CHECK(base::read_text(path) == first);

  const data::Dataset read = data::read(path);
  CHECK(read.size() == 3);
  CHECK(read.classes() == 2);
  CHECK(read.feature("x").row<float>(1)[1] == 4);
  CHECK(read.feature("image").shape == std::vector<int64_t>{3, 1, 2});
  CHECK(read.feature("image").row<uint8_t>(2)[1] == 255);
  CHECK(read.labels.row<int64_t>(0)[0] == 1);
  CHECK_FALSE(read.is_labelled(1));
  CHECK(error_of([&] { read.feature("imag"); }).ends_with("has no array 'imag'; did you mean 'image'?"));
}

TEST_CASE("npy: other element types and Fortran order become those of datasets") {
  const Folder folder;
  const auto only = [&](const std::string& content) {
    return data::read(folder.write("a.npy", content)).features.at(0);
  };
  const auto halves = only(npy("<f2", "3,", std::string("\x00\x3c\x00\xc0\x01\x00", 6)));
  CHECK(halves.dtype == DType::float32);
  CHECK(halves.values<float>()[0] == 1.0f);
  CHECK(halves.values<float>()[1] == -2.0f);
  CHECK(halves.values<float>()[2] == 0x1p-24f);
  const auto shorts = only(npy("<i2", "2,", std::string("\xff\xff\x02\x00", 4)));
  CHECK(shorts.values<int64_t>()[0] == -1);
  CHECK(shorts.values<int64_t>()[1] == 2);
  const auto turned = only(npy("|u1", "2, 3", std::string("\1\4\2\5\3\6", 6), true));
  for (uint8_t i = 0; i < 6; ++i) CHECK(turned.values<uint8_t>()[i] == i + 1);
  CHECK(read_error(folder, "a.npy", npy("<u8", "1,", std::string(8, '\xff'))).find("is too large") !=
        std::string::npos);
  CHECK(read_error(folder, "a.npy", npy("<f4", "", std::string(4, '\0'))).find("is a single number") !=
        std::string::npos);
}

TEST_CASE("npz: archives that NumPy wrote, stored and deflated") {
  const Folder folder;
  const auto read = [&](const std::string& name) {  // of the fuzzing corpus, whose first byte names the format
    const std::string file = base::read_text(ALLOT_SOURCE_DIR "/test/fuzz/corpus/dataset/" + name);
    return data::read(folder.write("a.npz", file.substr(1)));
  };
  const auto stored = read("npz");
  CHECK(stored.feature("x").shape == std::vector<int64_t>{3, 2});
  for (int i = 0; i < 6; ++i)
    CHECK(stored.feature("x").values<float>()[static_cast<size_t>(i)] == static_cast<float>(i));
  CHECK(stored.labels.values<int64_t>()[1] == 1);
  CHECK_FALSE(stored.is_labelled(2));
  const auto deflated = read("npz_compressed");
  CHECK(deflated.feature("x").shape == std::vector<int64_t>{4, 8, 8});
  CHECK(deflated.label_kind == data::LabelKind::multilabel);
  CHECK(deflated.labels.row<uint8_t>(2)[1] == 1);
  CHECK(deflated.ids == std::vector<std::string>{"0", "1", "2", "3"});
}

TEST_CASE("npy: what needs no conversion stays in the mapped file") {
  const Folder folder;
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }";
  header.resize(128 - 10 - 1, ' ');
  const std::string path = folder.write(
      "a.npy", std::string("\x93NUMPY\1\0", 8) + static_cast<char>(118) + '\0' + header + '\n' + std::string(16, '\0'));
  const auto file = base::Bytes::open(path);
  const auto dataset = data::read_npy_dataset(file, {});
  CHECK(reinterpret_cast<const char*>(dataset.features[0].bytes.data()) == file->data() + 128);
}

TEST_CASE("npz: labels by dtype and shape, ids, and what does not fit together") {
  const Folder folder;
  const auto archive = [&](std::vector<data::ZipEntry> entries) {
    entries.push_back({"x.npy", npy("|u1", "2, 1", "ab")});
    return data::write_zip(entries);
  };
  const auto read = [&](std::vector<data::ZipEntry> entries, const data::ReadOptions& options = {}) {
    return data::read(folder.write("a.npz", archive(std::move(entries))), options);
  };
  CHECK(read({}).label_kind == data::LabelKind::none);
  CHECK(read({{"label.npy", npy("|u1", "2, 1", std::string("\1\0", 2))}}).labels.shape == std::vector<int64_t>{2});
  CHECK(read({{"y.npy", npy("|b1", "2, 3", std::string(6, '\1'))}}).label_kind == data::LabelKind::multilabel);
  CHECK(read({{"y.npy", npy("<i4", "2, 2", std::string(16, '\0'))}}).label_kind == data::LabelKind::tokens);
  CHECK(read({{"y.npy", npy("<f4", "2,", std::string(8, '\0'))}}).label_kind == data::LabelKind::targets);
  const auto as_classes = read({{"y.npy", npy("<f4", "2,", std::string("\0\0\x80\x3f\0\0\x80\xbf", 8))}},
                               {.label_kind = data::LabelKind::classes});
  CHECK(as_classes.labels.row<int64_t>(0)[0] == 1);
  CHECK_FALSE(as_classes.is_labelled(1));
  CHECK(read({{"id.npy", npy("|u1", "2,", "\7\3")}}).size() == 2);
  const auto ids = read({{"id.npy", npy("<i2", "2,", std::string("\7\0\3\0", 4))}}).ids;
  CHECK(ids == std::vector<std::string>{"7", "3"});

  const auto error = [&](std::vector<data::ZipEntry> entries, const data::ReadOptions& options = {}) {
    return read_error(folder, "a.npz", archive(std::move(entries)), options);
  };
  CHECK(error({{"y.npy", npy("|u1", "3,", "\1\1\1")}}).find("has 2 items and labels for 3") != std::string::npos);
  CHECK(error({{"z.npy", npy("|u1", "3,", "\1\1\1")}}).find("'x' has 2 items, 'z' 3") != std::string::npos);
  CHECK(error({{"y.npy", npy("|i1", "2,", "\1\xf0")}}).find("label -16 of item 1 is no class") != std::string::npos);
  CHECK(error({{"x.npy", npy("|u1", "2,", "ab")}}).find("holds 'x' twice") != std::string::npos);
  CHECK(error({{"z.npy", npy("|u1", "2, 0", "")}}).find("items of array 'z' have no elements") != std::string::npos);
  CHECK(error({{"y.npy", npy("|u1", "2, 0", "")}}).starts_with("65 "));
  CHECK(error({{"z.npy", npy("|u1", "0, 4611686018427387904, 4", "")}}).find("impossible dimensions") !=
        std::string::npos);
  CHECK(error({}, {.label = "target"}).starts_with("66 "));
  CHECK(error({}, {.most_bytes = 10}).find("more memory than the limit of 10 bytes; store large arrays as .npy") !=
        std::string::npos);
}

TEST_CASE("read: several files become one dataset, if they are alike") {
  const Folder folder;
  const std::string a = folder.write("a.npy", npy("|u1", "2, 1", "ab")),
                    b = folder.write("b.npy", npy("|u1", "1, 1", "c"));
  const auto both = data::read(std::vector{a, b, a});
  CHECK(both.size() == 5);
  CHECK(both.features[0].row<uint8_t>(2)[0] == 'c');
  CHECK(both.features[0].row<uint8_t>(4)[0] == 'b');
  const std::string wide = folder.write("wide.npy", npy("|u1", "1, 2", "cd"));
  CHECK(error_of([&] {
          data::read(std::vector{a, wide});
        }).find("wide.npy: array 'x' is not like 'x' of") != std::string::npos);
  const std::string table = folder.write("c.csv", "id,x\n1,2\n"), more = folder.write("d.csv", "id,x\n1,2\n");
  CHECK(data::read(std::vector{table, more}).ids == std::vector<std::string>{"c.csv/1", "d.csv/1"});
}

TEST_CASE("npz: every cut and every damaged byte of an archive is refused or harmless") {
  const Folder folder;
  const std::string whole = data::write_zip({{"x.npy", npy("|u1", "2, 1", "ab")}, {"y.npy", npy("|u1", "2,", "\1\1")}});
  for (size_t size = 0; size < whole.size(); ++size)
    CHECK(read_error(folder, "a.npz", whole.substr(0, size)).starts_with("65 "));
  std::string other = whole;
  other[whole.find("ab")] = 'b';
  CHECK(read_error(folder, "a.npz", other).find("x.npy: is damaged: its checksum is wrong") != std::string::npos);
  for (size_t at = 0; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x11);
    const std::string error = read_error(folder, "a.npz", damaged);
    CHECK((error == "no error" || error.starts_with("65 ") || error.starts_with("69 ")));
  }
}
