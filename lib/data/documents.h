// SPDX-License-Identifier: Apache-2.0
// Documents out of files of text or of tokens, one after another, in bounded memory.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace allot::data {

struct DocumentOptions {
  std::string text_field = "text";    // of JSON lines; a path of names with points between
  std::string separator = "";         // a line that ends a document of plain text; "": none
  int64_t longest = 4096;             // bytes or tokens after which a document is cut, of text at the end of a line
  std::string token_type = "uint16";  // of files that do not say: uint16, uint32, int32
  int64_t end_of_document = -1;       // the token that ends documents in files without an index; -1: none
};

/// What a file holds, by its name: text and JSON lines, also packed by gzip or Zstandard, or tokens (.bin, .npy).
enum class SourceKind { text, json_lines, tokens };
/// Errors: unavailable for what is recognised and not read (.parquet, .arrow, packed tokens).
SourceKind source_kind(const std::string& path);

/// All regular files below a folder, or the file itself, by name; what begins with a point and the .idx beside a .bin
/// left out. Errors: input_missing.
std::vector<std::string> source_files(const std::string& path);

/// Calls `take` with each document of a file of text or JSON lines; empty ones are left out.
/// Errors: input_missing, io; malformed with file:line for a line that is no JSON object, has no such field or is
/// longer than 64 MiB, and for a damaged archive.
void for_each_text(const std::string& path, const DocumentOptions& options,
                   const std::function<void(std::string_view document)>& take);

/// Calls `take` with each document of a file of tokens, without tokens that end one:
///   Megatron        .bin with .idx beside it
///   llm.c           .bin that begins with its magic number, 256 int32
///   nanoGPT, OLMo   .bin and .npy without any header, of `token_type`
///   NumPy           .npy of rank 1
/// Errors: input_missing; malformed for an index that disagrees with the file, negative tokens, and a size that is no
/// multiple of the token's; unavailable for element types that are no whole numbers.
void for_each_tokens(const std::string& path, const DocumentOptions& options,
                     const std::function<void(std::span<const uint32_t> document)>& take);

}  // namespace allot::data
