// SPDX-License-Identifier: Apache-2.0
#include "data/read_images.h"

#include <png.h>
#include <turbojpeg.h>

#include <catch2/catch.hpp>

#include "base/log.h"
#include "data/data_files.h"
#include "data/image_file.h"

using namespace allot;
using test::error_of;
using test::Folder;

namespace {

std::string png(int height, int width, int channels, const std::vector<uint8_t>& pixels) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.height = static_cast<png_uint_32>(height), image.width = static_cast<png_uint_32>(width);
  image.format = channels == 1 ? PNG_FORMAT_GRAY : channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_RGBA;
  png_alloc_size_t size = 0;
  REQUIRE(::png_image_write_to_memory(&image, nullptr, &size, 0, pixels.data(), 0, nullptr) != 0);
  std::string bytes(size, '\0');
  REQUIRE(::png_image_write_to_memory(&image, bytes.data(), &size, 0, pixels.data(), 0, nullptr) != 0);
  bytes.resize(size);
  return bytes;
}

std::string jpeg(int height, int width, const std::vector<uint8_t>& rgb) {
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  const tjhandle writer = ::tjInitCompress();
  REQUIRE(::tjCompress2(writer, rgb.data(), width, 0, height, TJPF_RGB, &bytes, &size, TJSAMP_444, 100, 0) == 0);
  std::string text(reinterpret_cast<const char*>(bytes), size);
  ::tjFree(bytes);
  ::tjDestroy(writer);
  return text;
}

std::string flat_png(uint8_t value) { return png(2, 2, 1, std::vector<uint8_t>(4, value)); }

struct Quiet {
  Quiet() { base::configure_log({.program = "test", .level = base::LogLevel::quiet, .file = {}}); }
  ~Quiet() { base::configure_log({.program = "test", .level = base::LogLevel::info, .file = {}}); }
};

}  // namespace

TEST_CASE("images: PNG and JPEG pixels; what is transparent lies on white") {
  const std::vector<uint8_t> pixels{1, 2, 3, 40, 50, 60, 70, 80, 90, 200, 220, 240};
  const auto rgb = data::decode_image(png(2, 2, 3, pixels), "a.png");
  CHECK(rgb.pixels == pixels);
  CHECK(rgb.channels == 3);
  const auto grey = data::decode_image(png(1, 3, 1, {0, 128, 255}), "a.png");
  CHECK(grey.width == 3);
  CHECK(grey.pixels == std::vector<uint8_t>{0, 128, 255});
  CHECK(data::decode_image(png(1, 2, 4, {9, 8, 7, 255, 9, 8, 7, 0}), "a.png").pixels ==
        std::vector<uint8_t>{9, 8, 7, 255, 255, 255});
  const auto photo = data::decode_image(jpeg(8, 8, std::vector<uint8_t>(192, 77)), "a.jpg");
  for (const uint8_t pixel : photo.pixels) CHECK(std::abs(pixel - 77) <= 1);
  CHECK(data::with_channels(rgb, 1).pixels[3] == 216);  // 0.299 * 200 + 0.587 * 220 + 0.114 * 240
  CHECK(data::with_channels(grey, 3).pixels == std::vector<uint8_t>{0, 0, 0, 128, 128, 128, 255, 255, 255});
}

TEST_CASE("images: resizing keeps means, ramps and proportions") {
  data::DecodedImage ramp{1, 64, 1, std::vector<uint8_t>(64)};
  for (size_t i = 0; i < 64; ++i) ramp.pixels[i] = static_cast<uint8_t>(4 * i);
  ramp.height = 64;
  std::vector<uint8_t> rows;
  for (int i = 0; i < 64; ++i) rows.insert(rows.end(), ramp.pixels.begin(), ramp.pixels.end());
  ramp.pixels = rows;
  const auto half = data::resized(ramp, 32, 32);
  for (size_t x = 1; x < 31; ++x) CHECK(half.pixels[10 * 32 + x] == 8 * x + 2);
  const auto twice = data::resized(ramp, 128, 128);
  for (size_t x = 4; x < 120; ++x) CHECK(std::abs(twice.pixels[128 * 9 + x] - (2.0 * x - 1)) <= 1);
  const auto middle = data::resized(ramp, 64, 32);  // nothing to scale: the middle is cut out
  for (size_t x = 0; x < 32; ++x) CHECK(middle.pixels[x] == 4 * (x + 16));
}

TEST_CASE("images: stripes that are too fine become their mean") {
  data::DecodedImage stripes{32, 32, 1, std::vector<uint8_t>(32 * 32)};
  for (size_t i = 0; i < stripes.pixels.size(); ++i) stripes.pixels[i] = i % 4 == 0 ? 240 : 0;
  const auto small = data::resized(stripes, 8, 8);
  for (size_t x = 1; x < 7; ++x) CHECK(small.pixels[8 * 4 + x] == 60);  // a quarter of 240
}

TEST_CASE("images: every cut and bounds of damaged files") {
  const std::string whole = png(3, 5, 3, std::vector<uint8_t>(45, 9)),
                    photo = jpeg(16, 16, std::vector<uint8_t>(768, 3));
  const auto error = [](const std::string& bytes) { return error_of([&] { data::decode_image(bytes, "dir/a.png"); }); };
  for (size_t size = 0; size + 12 < whole.size(); ++size) {
    const std::string message = error(whole.substr(0, size));
    CHECK((message.starts_with("65 dir/a.png: ") || message.starts_with("69 dir/a.png: ")));
  }
  for (size_t size = 2; size + 2 < photo.size(); ++size) CHECK(error(photo.substr(0, size)).starts_with("65 "));
  std::string huge = whole;
  huge[16] = 0x7f;  // the width's highest byte
  CHECK(error(huge).starts_with("65 "));
  CHECK(error("GIF89a") == "69 dir/a.png: is neither PNG nor JPEG; convert it");
}

TEST_CASE("image folders: classes by folder, unlabelled ones, parts") {
  const Folder folder;
  folder.write("cat/2.png", flat_png(2));
  folder.write("cat/deep/1.PNG", flat_png(1));
  folder.write("ant/3.png", flat_png(3));
  folder.write("ant/notes.txt", "no image");
  folder.write("unlabeled/4.png", flat_png(4));
  const auto dataset = data::read(folder.path());
  CHECK(dataset.class_names == std::vector<std::string>{"ant", "cat"});
  CHECK(dataset.ids == std::vector<std::string>{"ant/3.png", "cat/2.png", "cat/deep/1.PNG", "unlabeled/4.png"});
  CHECK(dataset.labels.row<int64_t>(2)[0] == 1);
  CHECK_FALSE(dataset.is_labelled(3));
  CHECK(dataset.feature("x").shape == std::vector<int64_t>{4, 2, 2, 1});
  for (int64_t i = 0; i < 4; ++i) CHECK(dataset.feature("x").row<uint8_t>(i)[3] == std::vector<int>{3, 2, 1, 4}[i]);
  CHECK(dataset.parts.empty());

  const Folder parts;
  parts.write("train/b/1.png", flat_png(1));
  parts.write("test/a/1.png", flat_png(2));
  parts.write("unlabeled/1.png", flat_png(3));
  const auto apart = data::read(parts.path());
  CHECK(apart.parts == std::vector<std::string>{"test", "train", "unlabeled"});
  CHECK(apart.class_names == std::vector<std::string>{"a", "b"});
}

TEST_CASE("image folders: damaged images are named; or left out and counted") {
  const Folder folder;
  folder.write("a/1.png", flat_png(1).substr(0, 40));
  folder.write("a/2.png", flat_png(2));
  folder.write("a/3.png", png(3, 3, 1, std::vector<uint8_t>(9, 3)));
  folder.write("b/4.png", flat_png(4));
  CHECK(error_of([&] { data::read(folder.path()); }).find("a/1.png: is a damaged PNG file") != std::string::npos);
  const Quiet quiet;
  const auto rest = data::read(folder.path(), {.keep_going = true, .threads = 2});
  CHECK(rest.skipped == 2);
  CHECK(rest.ids == std::vector<std::string>{"a/2.png", "b/4.png"});
  CHECK(rest.feature("x").row<uint8_t>(1)[0] == 4);
  CHECK(rest.classes() == 2);
  const auto sized =
      data::read(folder.path(), {.image_height = 4, .image_width = 4, .image_channels = 3, .keep_going = true});
  CHECK(sized.size() == 3);
  CHECK(sized.feature("x").shape == std::vector<int64_t>{3, 4, 4, 3});
  folder.write("a/1.png", flat_png(1));
  CHECK(error_of([&] {
          data::read(folder.path());
        }).find("a/3.png: has 3 x 3 pixels, the first image 2 x 2; ask for one size") != std::string::npos);
  CHECK(error_of([&] {
          data::read(folder.path(), {.most_bytes = 10, .keep_going = true});
        }).find("needs 16 bytes of memory") != std::string::npos);
  const Folder empty;
  CHECK(error_of([&] { data::read(empty.path()); }).find("names no images") != std::string::npos);
  empty.write("a/1.png", "nothing");
  CHECK(error_of([&] { data::read(empty.path(), {.keep_going = true}); }).find("none of its images can be read") !=
        std::string::npos);
}

TEST_CASE("manifest: paths, labels, splits and ids by line") {
  const Folder folder;
  folder.write("images/1.png", flat_png(1));
  folder.write("images/2.jpg", jpeg(2, 2, std::vector<uint8_t>(12, 100)));
  const std::string path =
      folder.write("list.jsonl",
                   "{\"path\": \"images/1.png\", \"label\": \"dog\", \"split\": \"test\", \"id\": \"first\"}\n\n"
                   "{\"path\": \"images/2.jpg\", \"label\": null}\r\n");
  const auto dataset = data::read(path);
  CHECK(dataset.ids == std::vector<std::string>{"first", "images/2.jpg"});
  CHECK(dataset.class_names == std::vector<std::string>{"dog"});
  CHECK(dataset.parts == std::vector<std::string>{"test", ""});
  CHECK_FALSE(dataset.is_labelled(1));
  CHECK(std::abs(dataset.feature("x").row<uint8_t>(1)[0] - 100) <= 1);
  CHECK(data::read(folder.write("n.jsonl", "{\"path\": \"images/1.png\", \"label\": 4}")).labels.row<int64_t>(0)[0] ==
        4);

  const auto error = [&](const std::string& text) {
    const std::string message = error_of([&] { data::read(folder.write("e.jsonl", text)); });
    return message.substr(0, 3) +
           message.substr(message.find("e.jsonl") == std::string::npos ? 3 : message.find("e.jsonl"));
  };
  CHECK(error("{\"path\": \"images/1.png\"}\n{\"path\": ").starts_with("65 e.jsonl:2"));
  CHECK(error("{\"path\": \"images/1.png\", \"lable\": 1}").find("did you mean 'label'?") != std::string::npos);
  CHECK(error("{\"label\": 1}").find("is missing") != std::string::npos);
  CHECK(error("{\"path\": \"images/1.png\", \"label\": 1.5}").starts_with("65 e.jsonl:1"));
  CHECK(error("{\"path\": \"no.png\"}").starts_with("66 "));
  CHECK(error("[1]").starts_with("65 "));
}
