// SPDX-License-Identifier: Apache-2.0
// A dataset in any of the formats that are one file: the first byte says which, the rest is the file. What is read
// obeys data::check and can be split and viewed.
#include <array>
#include <filesystem>
#include <fstream>

#include "data/read.h"
#include "data/split.h"
#include "data/view.h"
#include "fuzz/target.h"

namespace {

constexpr std::array kExtensions{".npz", ".npy", ".safetensors", ".csv", ".tsv", ".bin", ".idx", ".gz", ".csv.gz"};

// Readers tell formats by names, too, so a file of its own for each process.
class NamedFile {
 public:
  NamedFile(std::string_view bytes, const char* extension)
      : path_((std::filesystem::temp_directory_path() / ("allot-fuzz-" + std::to_string(getpid()) + extension))
                  .string()) {
    std::ofstream(path_, std::ios::binary) << bytes;
  }
  ~NamedFile() { std::filesystem::remove(path_); }
  NamedFile(const NamedFile&) = delete;
  NamedFile& operator=(const NamedFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace

void allot::fuzz::parse(std::string_view bytes) {
  if (bytes.empty()) return;
  const size_t format = static_cast<unsigned char>(bytes[0]) % kExtensions.size();
  const NamedFile file(bytes.substr(1), kExtensions[format]);
  const data::Dataset dataset = data::read(file.path(), {.most_bytes = 1 << 24});
  data::check(dataset);
  if (dataset.size() == 0) return;
  for (const data::Array& array : dataset.features) {
    const auto view = data::plain_view(array);
    std::vector<std::byte> out(view->item_bytes());
    const int64_t last = dataset.size() - 1;
    view->fill({&last, 1}, {}, out);
  }
  data::split(dataset, {.labelled = {0.5, true}});
}
