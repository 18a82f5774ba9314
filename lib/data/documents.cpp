// SPDX-License-Identifier: Apache-2.0
#include "data/documents.h"

#include <algorithm>
#include <filesystem>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/json.h"
#include "data/text_source.h"

namespace allot::data {
namespace {

using base::Error;
using base::ErrorKind;
namespace fs = std::filesystem;

constexpr size_t kBlock = 1 << 18;
constexpr size_t kLongestLine = 64 << 20;

/// The largest part of `text` that ends with a line, or with a code point where there is no line's end in it.
size_t cut_of(std::string_view text) {
  if (const size_t line = text.rfind('\n'); line != text.npos) return line + 1;
  size_t cut = text.size();
  for (int i = 0; i < 3 && cut > 1 && (static_cast<unsigned char>(text[cut - 1]) & 0xC0) == 0x80; ++i) --cut;
  return cut > 1 && static_cast<unsigned char>(text[cut - 1]) >= 0xC0 ? cut - 1 : text.size();
}

void give_cut(std::string_view document, size_t longest, const std::function<void(std::string_view)>& take) {
  while (document.size() > longest) {
    const size_t cut = cut_of(document.substr(0, longest));
    take(document.substr(0, cut));
    document.remove_prefix(cut);
  }
  if (!document.empty()) take(document);
}

void plain_documents(TextSource& stream, size_t longest, const std::function<void(std::string_view)>& take) {
  std::string buffer;
  for (bool more = true; more;) {
    more = stream.read(buffer, std::max(kBlock, longest));
    std::string_view rest = buffer;
    while (rest.size() > longest) {
      const size_t cut = cut_of(rest.substr(0, longest));
      take(rest.substr(0, cut));
      rest.remove_prefix(cut);
    }
    if (!more && !rest.empty()) take(rest);
    buffer.erase(0, buffer.size() - rest.size());
  }
}

/// Calls visit(line, number) with each line, without its end.
template <typename Visit>
void for_each_line(TextSource& stream, const std::string& path, const Visit& visit) {
  std::string buffer;
  size_t number = 0;
  const auto give = [&](std::string_view line) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    visit(line, ++number);
  };
  for (bool more = true; more;) {
    const size_t seen = buffer.size();
    more = stream.read(buffer, kBlock);
    size_t begin = 0;
    for (size_t end = buffer.find('\n', seen); end != buffer.npos; end = buffer.find('\n', begin)) {
      give(std::string_view(buffer).substr(begin, end - begin));
      begin = end + 1;
    }
    buffer.erase(0, begin);
    if (buffer.size() > kLongestLine)
      throw Error(ErrorKind::malformed, fmt::format("{}:{}", base::printable(path), number + 1),
                  "is longer than 64 MiB", "give one JSON object or sentence a line");
  }
  if (!buffer.empty()) give(buffer);
}

void separated_documents(TextSource& stream, const std::string& path, const DocumentOptions& options,
                         const std::function<void(std::string_view)>& take) {
  const auto longest = static_cast<size_t>(options.longest);
  std::string document;
  for_each_line(stream, path, [&](std::string_view line, size_t) {
    if (line == options.separator) {
      give_cut(document, longest, take);
      document.clear();
      return;
    }
    document.append(line).push_back('\n');
    if (document.size() > kLongestLine) {
      give_cut(document, longest, take);
      document.clear();
    }
  });
  give_cut(document, longest, take);
}

/// The member at a path of names; nullptr without one.
const nlohmann::json* member(const nlohmann::json& value, std::string_view path) {
  const nlohmann::json* at = &value;
  while (at) {
    const size_t point = std::min(path.find('.'), path.size());
    if (!at->is_object()) return nullptr;
    const auto found = at->find(std::string(path.substr(0, point)));
    if (found == at->end()) return nullptr;
    at = &*found;
    if (point == path.size()) return at;
    path.remove_prefix(point + 1);
  }
  return nullptr;
}

void json_documents(TextSource& stream, const std::string& path, const DocumentOptions& options,
                    const std::function<void(std::string_view)>& take) {
  for_each_line(stream, path, [&](std::string_view line, size_t number) {
    if (line.find_first_not_of(" \t") == line.npos) return;
    const auto where = [&] { return fmt::format("{}:{}", base::printable(path), number); };
    const nlohmann::json parsed = nlohmann::json::parse(line, nullptr, false);
    if (!parsed.is_object()) throw Error(ErrorKind::malformed, where(), "is no JSON object", "give one object a line");
    const nlohmann::json* text = member(parsed, options.text_field);
    if (!text || !text->is_string())
      throw Error(ErrorKind::malformed, where(), fmt::format("has no text '{}'", base::printable(options.text_field)),
                  "name the field: --text-field");
    give_cut(text->get_ref<const std::string&>(), static_cast<size_t>(options.longest), take);
  });
}

}  // namespace

SourceKind source_kind(const std::string& path) {
  fs::path name = fs::path(path).filename();
  const bool packed = name.extension() == ".gz" || name.extension() == ".zst" || name.extension() == ".zstd";
  if (packed) name = name.stem();
  const std::string extension = name.extension().string();
  if (extension == ".parquet" || extension == ".arrow")
    throw Error(ErrorKind::unavailable, base::printable(path), "is of a format that is not read",
                "write JSON lines instead");
  if (extension == ".jsonl" || extension == ".ndjson") return SourceKind::json_lines;
  if (extension != ".bin" && extension != ".npy") return SourceKind::text;
  if (packed) throw Error(ErrorKind::unavailable, base::printable(path), "holds tokens that are packed", "unpack it");
  return SourceKind::tokens;
}

std::vector<std::string> source_files(const std::string& path) {
  std::error_code error;
  if (!fs::exists(path, error))
    throw Error(ErrorKind::input_missing, base::printable(path), "does not exist", "check the path");
  if (!fs::is_directory(path, error)) return {path};
  std::vector<std::string> files;
  const auto options = fs::directory_options::follow_directory_symlink | fs::directory_options::skip_permission_denied;
  auto entry = fs::recursive_directory_iterator(path, options, error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    const fs::path& file = entry->path();
    if (file.filename().string().starts_with('.')) {
      if (entry->is_directory()) entry.disable_recursion_pending();
      continue;
    }
    if (file.extension() == ".idx" && fs::exists(fs::path(file).replace_extension(".bin"))) continue;
    if (entry->is_regular_file()) files.push_back(file.string());
  }
  if (error) throw Error(ErrorKind::io, base::printable(path), error.message());
  std::sort(files.begin(), files.end());
  return files;
}

void for_each_text(const std::string& path, const DocumentOptions& options,
                   const std::function<void(std::string_view)>& take) {
  const SourceKind kind = source_kind(path);
  const auto source = open_text(path);
  TextSource& stream = *source;
  if (kind == SourceKind::json_lines)
    json_documents(stream, path, options, take);
  else if (!options.separator.empty())
    separated_documents(stream, path, options, take);
  else
    plain_documents(stream, static_cast<size_t>(options.longest), take);
}

}  // namespace allot::data
