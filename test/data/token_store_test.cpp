// SPDX-License-Identifier: Apache-2.0
// Documents out of files, and stores of tokens.
#include "data/token_store.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <catch2/catch.hpp>

#include "base/error.h"
#include "base/rng.h"
#include "data/documents.h"

using namespace allot;
using data::DocumentOptions;
namespace fs = std::filesystem;

namespace {

struct Folder {
  Folder() : path(fs::temp_directory_path() / "allot-token-store-test") {
    fs::remove_all(path);
    fs::create_directories(path);
  }
  ~Folder() { fs::remove_all(path); }
  std::string file(const std::string& name, const std::string& content) const {
    fs::create_directories((path / name).parent_path());
    std::ofstream(path / name, std::ios::binary) << content;
    return (path / name).string();
  }
  fs::path path;
};

std::vector<std::string> texts(const std::string& path, const DocumentOptions& options = {}) {
  std::vector<std::string> found;
  data::for_each_text(path, options, [&](std::string_view document) { found.emplace_back(document); });
  return found;
}

std::vector<std::vector<uint32_t>> tokens(const std::string& path, const DocumentOptions& options = {}) {
  std::vector<std::vector<uint32_t>> found;
  data::for_each_tokens(path, options, [&](auto document) { found.emplace_back(document.begin(), document.end()); });
  return found;
}

template <typename T>
std::string raw(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

std::string le(uint64_t value, size_t bytes) { return {reinterpret_cast<const char*>(&value), bytes}; }

data::TokenDomain write(const Folder& folder, const std::string& name, const std::vector<std::string>& documents,
                        const data::Tokenizer& tokenizer) {
  data::TokenWriter writer(folder.path.string(), name, name, tokenizer, {0.1, 0.1}, 7, base::Replace::own);
  for (const std::string& document : documents) writer.add(std::string_view(document));
  return writer.finish();
}

std::vector<std::string> sentences(int count) {
  std::vector<std::string> documents;
  for (int i = 0; i < count; ++i) documents.push_back("sentence " + std::to_string(i) + " of a small domain\n");
  return documents;
}

}  // namespace

TEST_CASE("Plain text is cut at ends of lines") {
  const Folder folder;
  CHECK(texts(folder.file("a.txt", "one\ntwo\nthree\n"), {.longest = 8}) ==
        std::vector<std::string>{"one\ntwo\n", "three\n"});
  CHECK(texts(folder.file("b.txt", "abcdefghij"), {.longest = 4}) == std::vector<std::string>{"abcd", "efgh", "ij"});
  CHECK(texts(folder.file("u.txt", "aaa\xC3\xA9z"), {.longest = 4}) == std::vector<std::string>{"aaa", "\xC3\xA9z"});
  CHECK(texts(folder.file("empty.txt", "")).empty());
  CHECK(texts(folder.file("s.txt", "a\nb\n---\nc\n---\n"), {.separator = "---"}) ==
        std::vector<std::string>{"a\nb\n", "c\n"});
  std::string large;
  for (int i = 0; i < 200'000; ++i) large += "line " + std::to_string(i) + "\n";
  std::string joined;
  for (const std::string& document : texts(folder.file("large.txt", large), {.longest = 1000})) {
    CHECK(document.size() <= 1000);
    joined += document;
  }
  CHECK((joined == large));
}

TEST_CASE("JSON lines give their text") {
  const Folder folder;
  const std::string path =
      folder.file("a.jsonl", "{\"text\": \"one\"}\n\n{\"text\": \"two\\n\", \"meta\": {\"body\": \"inner\"}}\r\n");
  CHECK(texts(path) == std::vector<std::string>{"one", "two\n"});
  CHECK_THROWS_WITH(texts(path, {.text_field = "meta.body"}), Catch::Contains(":1"));
  CHECK(texts(folder.file("b.jsonl", "{\"meta\": {\"body\": \"inner\"}}"), {.text_field = "meta.body"}) ==
        std::vector<std::string>{"inner"});
  CHECK_THROWS_WITH(texts(folder.file("c.jsonl", "{\"text\": \"a\"}\n{\"text\": 3}\n")), Catch::Contains(":2"));
  CHECK_THROWS_AS(texts(folder.file("d.jsonl", "[1]\n")), base::Error);
  CHECK_THROWS_AS(texts(folder.file("e.jsonl", "{\"text\": \"cut")), base::Error);
}

TEST_CASE("What cannot be read is said so") {
  const Folder folder;
  for (const char* name : {"a.parquet", "a.bin.gz", "a.npy.gz", "a.bin.zst"})
    CHECK_THROWS_AS(data::source_kind(name), base::Error);
  CHECK(data::source_kind("a.jsonl.gz") == data::SourceKind::json_lines);
  CHECK(data::source_kind("a.1.gz") == data::SourceKind::text);
  CHECK(data::source_kind("a.jsonl.zst") == data::SourceKind::json_lines);
  CHECK(data::source_kind("a.txt.zst") == data::SourceKind::text);
  CHECK_THROWS_AS(texts((folder.path / "none.txt").string()), base::Error);
  CHECK_THROWS_AS(texts(folder.file("bad.gz", std::string("\x1f\x8b\x08\0\0\0\0\0\0\3damaged", 17))), base::Error);
}

TEST_CASE("Files of tokens, as trainers write them") {
  const Folder folder;
  const std::vector<uint16_t> values = {5, 6, 9, 7, 9, 8};
  const std::vector<std::vector<uint32_t>> ended = {{5, 6}, {7}, {8}};
  CHECK(tokens(folder.file("nano.bin", raw(values)), {.end_of_document = 9}) == ended);
  std::string header(1024, '\0');
  header.replace(0, 4, le(20240520, 4));
  CHECK(tokens(folder.file("llmc.bin", header + raw(values)), {.end_of_document = 9}) == ended);
  CHECK(tokens(folder.file("raw.npy", raw(values)), {.longest = 4}) ==
        std::vector<std::vector<uint32_t>>{{5, 6, 9, 7}, {9, 8}});
  CHECK(tokens(folder.file("wide.bin", raw(std::vector<int32_t>{70'000, 3})), {.token_type = "int32"}) ==
        std::vector<std::vector<uint32_t>>{{70'000, 3}});
  CHECK_THROWS_AS(tokens(folder.file("minus.bin", raw(std::vector<int32_t>{-1})), {.token_type = "int32"}),
                  base::Error);
  CHECK_THROWS_AS(tokens(folder.file("odd.bin", "abc")), base::Error);
}

TEST_CASE("Megatron's index tells documents apart") {
  const Folder folder;
  const std::string data = folder.file("m.bin", raw(std::vector<uint16_t>{1, 2, 3, 4, 5}));
  const auto index = [&](uint64_t second_offset) {
    return std::string("MMIDIDX\0\0", 9) + le(1, 8) + le(8, 1) + le(2, 8) + le(3, 8) + le(3, 4) + le(2, 4) + le(0, 8) +
           le(second_offset, 8) + le(0, 8) + le(1, 8) + le(2, 8);
  };
  folder.file("m.idx", index(6));
  CHECK(tokens(data) == std::vector<std::vector<uint32_t>>{{1, 2, 3}, {4, 5}});
  folder.file("m.idx", index(8));
  CHECK_THROWS_WITH(tokens(data), Catch::Contains("sequence 1"));
  folder.file("m.idx", index(6).substr(0, 40));
  CHECK_THROWS_AS(tokens(data), base::Error);
  folder.file("m.idx", "nothing of the kind, but long enough to be one");
  CHECK_THROWS_AS(tokens(data), base::Error);
}

TEST_CASE("A store gives back what was written, every document in one part") {
  const Folder folder;
  const data::Tokenizer bytes;
  std::vector<std::string> documents = sentences(400);
  const data::TokenDomain a = write(folder, "a", documents, bytes);
  std::reverse(documents.begin(), documents.end());
  const data::TokenDomain b = write(folder, "b", documents, bytes);
  data::TokenStore::write_manifest(folder.path.string(), bytes, {b, a}, {0.1, 0.1}, 7, base::Replace::own);
  const data::TokenStore store(folder.path.string());
  CHECK(store.names() == std::vector<std::string>{"a", "b"});
  std::string all;
  for (const data::Part part : data::kParts) {
    const auto view = store.tokens(0, part);
    CHECK(static_cast<int64_t>(view.size()) == store.domains()[0].part(part).tokens);
    for (size_t i = 0; i < view.size(); ++i) all += view[i] == 256 ? '|' : static_cast<char>(view[i]);
    // The order of documents does not enter.
    auto mine = store.document_hashes(0, part), others = store.document_hashes(1, part);
    std::vector<uint64_t> x(mine.begin(), mine.end()), y(others.begin(), others.end());
    std::sort(x.begin(), x.end()), std::sort(y.begin(), y.end());
    CHECK(x == y);
  }
  for (const std::string& document : sentences(400)) CHECK(all.find(document + "|") != std::string::npos);
  CHECK(a.documents() == 400);
  CHECK(a.part(data::Part::validation).documents == Approx(40).margin(20));
  CHECK(a.part(data::Part::proxy).documents == Approx(160).margin(40));
}

TEST_CASE("Stores of tokens that are damaged are refused") {
  const Folder folder;
  const data::Tokenizer bytes;
  const data::TokenDomain a = write(folder, "a", sentences(100), bytes);
  data::TokenStore::write_manifest(folder.path.string(), bytes, {a}, {0.1, 0.1}, 7, base::Replace::own);
  const fs::path shard = folder.path / "a/proxy.tokens";
  const auto size = fs::file_size(shard);
  fs::resize_file(shard, size - 2);
  CHECK_THROWS_AS(data::TokenStore(folder.path.string()), base::Error);
  fs::resize_file(shard, size);
  CHECK_NOTHROW(data::TokenStore(folder.path.string()));
  fs::remove(folder.path / "a/test.documents");
  CHECK_THROWS_AS(data::TokenStore(folder.path.string()), base::Error);
  folder.file("manifest.json", "{\"schema\": \"allot.tokens/9\"}");
  CHECK_THROWS_AS(data::TokenStore(folder.path.string()), base::Error);
}

TEST_CASE("Domains that cannot be split, and tokens beyond the vocabulary, are refused") {
  const Folder folder;
  const data::Tokenizer bytes, given{"given", 100, -1};
  CHECK_THROWS_AS(write(folder, "a", {}, bytes), base::Error);
  CHECK_THROWS_AS(write(folder, "a", {"alone"}, bytes), base::Error);
  data::TokenWriter writer(folder.path.string(), "t", "t", given, {0.1, 0.1}, 7, base::Replace::own);
  CHECK_NOTHROW(writer.add(std::vector<uint32_t>{3, 99}));
  CHECK_THROWS_AS(writer.add(std::vector<uint32_t>{3, 100}), base::Error);
  CHECK(bytes.hash() != given.hash());
}

TEST_CASE("Text that is not UTF-8 is counted") {
  const Folder folder;
  const data::Tokenizer bytes;
  std::vector<std::string> documents = sentences(100);
  documents.push_back("long enough for a word \xff");
  documents.push_back("\xC3");
  documents.push_back("gr\xC3\xBC\xC3\x9F dich, es ist gut");
  CHECK(write(folder, "a", documents, bytes).invalid_utf8 == 2);
}
