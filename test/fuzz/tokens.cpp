// SPDX-License-Identifier: Apache-2.0
// Tokens, by the first byte: S, a store, whose manifest is followed by a NUL and the content of each of its files; M,
// Megatron's index behind a byte that tells its length, and its file; N, an array of NumPy; others, tokens alone.
#include <filesystem>
#include <fstream>

#include "data/documents.h"
#include "data/token_store.h"
#include "fuzz/target.h"

namespace {

namespace fs = std::filesystem;

constexpr size_t kLongest = 7;

// A folder for each process.
class Folder {
 public:
  Folder() : path_(fs::temp_directory_path() / ("allot-fuzz-" + std::to_string(getpid()))) {
    fs::create_directories(path_ / "d");
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string write(const std::string& name, std::string_view content) const {
    const std::string path = (path_ / name).string();
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }
  std::string path() const { return path_.string(); }

 private:
  fs::path path_;
};

void read_store(std::string_view manifest, std::string_view content) {
  using namespace allot;
  const Folder folder;
  folder.write("manifest.json", manifest);
  for (const data::Part part : data::kParts)
    for (const char* kind : {".tokens", ".documents"})
      folder.write(std::string("d/").append(data::part_name(part)).append(kind), content);
  const data::TokenStore store(folder.path());
  for (size_t domain = 0; domain < store.domains().size(); ++domain)
    for (const data::Part part : data::kParts) {
      const auto view = store.tokens(domain, part);
      const data::PartSize& size = store.domains()[domain].part(part);
      ALLOT_ASSERT(view.size() == static_cast<size_t>(size.tokens));
      uint64_t sum = 0;  // reads all
      for (size_t i = 0; i < view.size(); ++i) sum += view[i];
      ALLOT_ASSERT(sum <= view.size() * uint64_t{UINT32_MAX});
      ALLOT_ASSERT(store.document_hashes(domain, part).size() == static_cast<size_t>(size.documents));
    }
}

}  // namespace

void allot::fuzz::parse(std::string_view bytes) {
  if (bytes.empty()) return;
  const char kind = bytes[0];
  std::string_view rest = bytes.substr(1);
  const auto cut = [&rest](size_t size) {
    const std::string_view head = rest.substr(0, size);
    rest.remove_prefix(head.size());
    return head;
  };
  if (kind == 'S') {
    const std::string_view manifest = cut(rest.find('\0'));
    cut(1);
    return read_store(manifest, rest);
  }
  const Folder folder;
  if (kind == 'M' && !rest.empty()) {
    const auto size = static_cast<unsigned char>(cut(1)[0]);
    folder.write("t.idx", cut(size));
  }
  const std::string path = folder.write(kind == 'N' ? "t.npy" : "t.bin", rest);
  data::DocumentOptions options;
  options.longest = kLongest;
  options.end_of_document = 3;
  data::for_each_tokens(path, options, [&](std::span<const uint32_t> document) {
    ALLOT_ASSERT(document.size() <= kLongest);
    for (const uint32_t token : document) ALLOT_ASSERT(token != UINT32_MAX);
  });
}
