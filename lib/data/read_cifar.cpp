// SPDX-License-Identifier: Apache-2.0
// After: Krizhevsky, "Learning multiple layers of features from tiny images", 2009, and the data's own page.
#include "data/read_cifar.h"

#include <algorithm>
#include <filesystem>

namespace allot::data {
namespace {

using base::Error;
using base::ErrorKind;
using base::printable;

constexpr size_t kPixels = 3072;

// Labels of a record, or 0: CIFAR-10's records are preferred where both sizes fit and their labels are in range.
size_t labels_of(std::string_view bytes) {
  const auto in_range = [&](size_t labels, unsigned char classes) {
    if (bytes.empty() || bytes.size() % (kPixels + labels) != 0) return false;
    for (size_t i = 0; i < bytes.size(); i += kPixels + labels)
      if (static_cast<unsigned char>(bytes[i + labels - 1]) >= classes) return false;
    return true;
  };
  if (in_range(1, 10)) return 1;
  return in_range(2, 100) ? 2 : 0;
}

std::vector<std::string> names_beside(const std::string& path, size_t labels) {
  const auto file =
      std::filesystem::path(path).parent_path() / (labels == 1 ? "batches.meta.txt" : "fine_label_names.txt");
  std::vector<std::string> names;
  if (!std::filesystem::exists(file)) return names;
  const std::string text = base::read_text(file.string(), 1 << 20);
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    if (end > begin) names.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  const size_t wanted = labels == 1 ? 10 : 100;
  if (names.size() != wanted)
    throw Error(ErrorKind::malformed, printable(file.string()),
                fmt::format("names {} classes of {}", names.size(), wanted));
  return names;
}

}  // namespace

bool is_cifar(std::string_view bytes) { return labels_of(bytes) > 0; }

Dataset read_cifar(const std::shared_ptr<const base::Bytes>& file) {
  const std::string_view bytes = file->view();
  const size_t labels = labels_of(bytes);
  if (labels == 0)
    throw Error(ErrorKind::malformed, printable(file->path()), "holds no whole CIFAR records with labels in range",
                "fetch the binary version anew");
  const size_t record = kPixels + labels, count = bytes.size() / record;
  std::vector<uint8_t> pixels(count * kPixels);
  std::vector<int64_t> classes(count);
  for (size_t i = 0; i < count; ++i) {
    classes[i] = static_cast<unsigned char>(bytes[i * record + labels - 1]);
    std::copy_n(bytes.data() + i * record + labels, kPixels, pixels.begin() + static_cast<std::ptrdiff_t>(i * kPixels));
  }
  Dataset dataset;
  dataset.origin = file->path();
  dataset.features = {make_array("x", {static_cast<int64_t>(count), 3, 32, 32}, std::move(pixels))};
  dataset.label_kind = LabelKind::classes;
  dataset.labels = make_array("y", {static_cast<int64_t>(count)}, std::move(classes));
  dataset.class_names = names_beside(file->path(), labels);
  check(dataset);
  return dataset;
}

}  // namespace allot::data
