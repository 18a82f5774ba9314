// SPDX-License-Identifier: Apache-2.0
#include "data/read_images.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <optional>

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/json_object.h"
#include "base/log.h"
#include "base/parallel.h"
#include "data/image_file.h"
#include "data/read_table.h"

namespace allot::data {
namespace {

namespace fs = std::filesystem;
using base::Error;
using base::ErrorKind;
using base::printable;

constexpr int64_t kNamedInLog = 10;

struct ImageItem {
  std::string path, label, part, id;
};

bool is_image_name(const fs::path& path) {
  std::string extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return extension == ".png" || extension == ".jpg" || extension == ".jpeg";
}

// A manifest may name anything; devices and pipes have no end.
DecodedImage open_image(const std::string& path) {
  if (fs::exists(path) && !fs::is_regular_file(path))
    throw Error(ErrorKind::malformed, printable(path), "is no regular file", "name image files");
  return decode_image(base::Bytes::open(path)->view(), path);
}

bool is_unlabelled_name(const std::string& name) { return name == "unlabeled" || name == "unlabelled"; }

// Decodes items into slots of one array.
class Decoder {
 public:
  Decoder(const std::vector<ImageItem>& items, const ReadOptions& options, const std::string& origin)
      : items_(items), options_(options), errors_(items.size()) {
    find_geometry(origin);
    const std::vector<int64_t> shape{std::ssize(items), height_, width_, channels_};
    pixels_.resize(checked_bytes(shape, DType::uint8, options.most_bytes, printable(origin)));
    const size_t item_bytes = static_cast<size_t>(height_ * width_ * channels_);
    base::parallel_for(items.size(), options.threads, [&](size_t i) {
      try {
        const DecodedImage image = decode(items_[i].path);
        std::copy(image.pixels.begin(), image.pixels.end(),
                  pixels_.begin() + static_cast<std::ptrdiff_t>(i * item_bytes));
      } catch (const Error& error) {
        if (!options_.keep_going) throw;
        errors_[i] = error;
      }
    });
  }

  // The array of items that were read, and their numbers.
  Array finish(std::vector<size_t>& kept) {
    const size_t item_bytes = static_cast<size_t>(height_ * width_ * channels_);
    int64_t skipped = 0;
    for (size_t i = 0; i < items_.size(); ++i) {
      if (!errors_[i]) {
        std::copy_n(pixels_.begin() + static_cast<std::ptrdiff_t>(i * item_bytes), item_bytes,
                    pixels_.begin() + static_cast<std::ptrdiff_t>(kept.size() * item_bytes));
        kept.push_back(i);
      } else if (++skipped <= kNamedInLog) {
        base::warn("left out: {}", errors_[i]->what());
      }
    }
    pixels_.resize(kept.size() * item_bytes);
    return make_array("x", {std::ssize(kept), height_, width_, channels_}, std::move(pixels_));
  }

 private:
  void find_geometry(const std::string& origin) {
    height_ = options_.image_height, width_ = options_.image_width, channels_ = options_.image_channels;
    if (height_ > 0 && width_ > 0 && channels_ > 0) return;
    for (const ImageItem& item : items_) {
      try {
        const DecodedImage first = open_image(item.path);
        if (height_ == 0 || width_ == 0) height_ = first.height, width_ = first.width;
        if (channels_ == 0) channels_ = first.channels;
        return;
      } catch (const Error&) {
        if (!options_.keep_going) throw;
      }
    }
    throw Error(ErrorKind::malformed, printable(origin), "none of its images can be read");
  }

  DecodedImage decode(const std::string& path) const {
    DecodedImage image = with_channels(open_image(path), channels_);
    if (options_.image_height > 0 && options_.image_width > 0) return resized(image, height_, width_);
    if (image.height != height_ || image.width != width_)
      throw Error(
          ErrorKind::malformed, printable(path),
          fmt::format("has {} x {} pixels, the first image {} x {}", image.width, image.height, width_, height_),
          "ask for one size that all are brought to");
    return image;
  }

  const std::vector<ImageItem>& items_;
  const ReadOptions& options_;
  int64_t height_ = 0, width_ = 0, channels_ = 0;
  std::vector<uint8_t> pixels_;
  std::vector<std::optional<Error>> errors_;
};

Dataset read_items(const std::vector<ImageItem>& items, const std::string& origin, const ReadOptions& options) {
  if (items.empty())
    throw Error(ErrorKind::malformed, printable(origin), "names no images",
                "expected: folders of classes with .png or .jpg files");
  Dataset dataset;
  dataset.origin = origin;
  std::vector<size_t> kept;
  dataset.features = {Decoder(items, options, origin).finish(kept)};
  dataset.skipped = std::ssize(items) - std::ssize(kept);
  std::vector<std::string> labels;
  bool has_parts = false, has_labels = false;
  for (const size_t i : kept) {
    labels.push_back(items[i].label);
    dataset.ids.push_back(items[i].id);
    dataset.parts.push_back(items[i].part);
    has_parts = has_parts || !items[i].part.empty();
    has_labels = has_labels || !items[i].label.empty();
  }
  if (!has_parts) dataset.parts.clear();
  if (has_labels) set_labels(dataset, labels, options);
  if (dataset.skipped > 0)
    base::warn("{}: {} of {} images were left out", printable(origin), dataset.skipped, items.size());
  check(dataset);
  return dataset;
}

// Files below `folder`, whose images have `label`.
void add_files(const fs::path& folder, const fs::path& root, const std::string& label, const std::string& part,
               std::vector<ImageItem>& items) {
  for (const auto& entry : fs::recursive_directory_iterator(folder, fs::directory_options::skip_permission_denied))
    if (entry.is_regular_file() && is_image_name(entry.path()))
      items.push_back({entry.path().string(), label, part, entry.path().lexically_relative(root).generic_string()});
}

void add_classes(const fs::path& folder, const fs::path& root, const std::string& part, std::vector<ImageItem>& items) {
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (entry.is_directory()) add_files(entry.path(), root, is_unlabelled_name(name) ? "" : name, part, items);
  }
}

// One line of a manifest.
ImageItem manifest_item(std::string_view line, const std::string& where, const fs::path& folder) {
  const nlohmann::json json = base::parse_json(line, where);
  const base::JsonSource source{where, std::string(line)};
  const base::JsonObject object(source, json, "", {"path"}, {"label", "split", "id"});
  const std::string path = object.text("path");
  ImageItem item{(folder / path).string(), "", object.has("split") ? object.text("split") : "",
                 object.has("id") ? object.text("id") : path};
  if (object.has("label") && !json["label"].is_null())
    item.label =
        json["label"].is_number_integer() ? std::to_string(object.integer("label", INT32_MIN)) : object.text("label");
  return item;
}

}  // namespace

Dataset read_image_folder(const std::string& root, const ReadOptions& options) {
  std::vector<ImageItem> items;
  if (fs::is_directory(fs::path(root) / "train")) {
    for (const char* part : {"train", "val", "validation", "test"})
      if (fs::is_directory(fs::path(root) / part)) add_classes(fs::path(root) / part, root, part, items);
    for (const char* part : {"unlabeled", "unlabelled"})
      if (fs::is_directory(fs::path(root) / part)) add_files(fs::path(root) / part, root, "", part, items);
  } else {
    add_classes(root, root, "", items);
  }
  std::sort(items.begin(), items.end(), [](const ImageItem& a, const ImageItem& b) { return a.id < b.id; });
  return read_items(items, root, options);
}

Dataset read_manifest(const std::shared_ptr<const base::Bytes>& file, const ReadOptions& options) {
  const fs::path folder = fs::path(file->path()).parent_path();
  std::vector<ImageItem> items;
  std::string_view rest = file->view();
  for (size_t line = 1; !rest.empty(); ++line) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view text = rest.substr(0, end);
    if (text.find_first_not_of(" \t\r") != std::string_view::npos)
      items.push_back(manifest_item(text, fmt::format("{}:{}", file->path(), line), folder));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return read_items(items, file->path(), options);
}

}  // namespace allot::data
