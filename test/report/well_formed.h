// SPDX-License-Identifier: Apache-2.0
// A small, strict reader of the HTML that Allot writes: tags balance, attributes are quoted, nothing is left raw.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace allot::test {

/// "" if `html` is well-formed, else what is wrong and where.
inline std::string malformation(std::string_view html) {
  static const std::vector<std::string_view> kVoid = {"meta", "link", "br", "input", "!doctype"};
  std::vector<std::string> open;
  const auto at = [&](size_t i, const std::string& what) {
    return what + " near: " + std::string(html.substr(i > 40 ? i - 40 : 0, 120));
  };
  for (size_t i = 0; i < html.size();) {
    if (html[i] == '&') {
      const size_t end = html.find(';', i);
      if (end == html.npos || end - i > 8) return at(i, "a bare &");
      i = end + 1;
      continue;
    }
    if (html[i] == '>') return at(i, "a bare >");
    if (html[i] != '<') {
      ++i;
      continue;
    }
    if (html.substr(i, 4) == "<!--") {
      i = html.find("-->", i);
      if (i == html.npos) return "an open comment";
      i += 3;
      continue;
    }
    const bool closing = i + 1 < html.size() && html[i + 1] == '/';
    size_t k = i + (closing ? 2 : 1);
    const size_t name_start = k;
    while (k < html.size() && (std::isalnum(static_cast<unsigned char>(html[k])) || html[k] == '!')) ++k;
    std::string name(html.substr(name_start, k - name_start));
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
    if (name.empty()) return at(i, "a bare <");
    bool quoted = false;
    while (k < html.size() && (quoted || html[k] != '>')) {
      if (html[k] == '"') quoted = !quoted;
      if (html[k] == '<') return at(i, "< inside a tag");
      if (html[k] == '=' && !quoted && (k + 1 >= html.size() || html[k + 1] != '"')) return at(i, "an unquoted value");
      ++k;
    }
    if (k >= html.size()) return at(i, "an open tag");
    const bool empty = html[k - 1] == '/' || std::find(kVoid.begin(), kVoid.end(), name) != kVoid.end();
    if (closing) {
      if (open.empty() || open.back() != name)
        return at(i, "</" + name + "> closes " + (open.empty() ? "nothing" : open.back()));
      open.pop_back();
    } else if (!empty) {
      open.push_back(name);
    }
    i = k + 1;
    if (!closing && (name == "style" || name == "script")) i = html.find("</" + name + ">", i);  // raw text
    if (i == html.npos) return "an open " + name;
  }
  return open.empty() ? "" : "never closed: " + open.back();
}

inline size_t count(std::string_view text, std::string_view word) {
  size_t result = 0;
  for (size_t i = text.find(word); i != text.npos; i = text.find(word, i + word.size())) ++result;
  return result;
}

}  // namespace allot::test
