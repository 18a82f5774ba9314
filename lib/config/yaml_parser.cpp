// SPDX-License-Identifier: Apache-2.0
// From yaml-cpp's events to nodes. Events rather than its own tree, because they show duplicate keys, and because an
// exception out of a handler ends a document that nests or expands too far before it costs anything.
#include <algorithm>
#include <sstream>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include "base/error.h"
#include "base/file.h"
#include "base/utf8.h"
#include "config/yaml.h"

namespace allot::config {

using base::Error;
using base::ErrorKind;
using base::printable;

namespace {

constexpr size_t kMaxBytes = 4u << 20, kMaxDepth = 64;
constexpr int64_t kMaxNodes = 1'000'000, kMaxAnchoredNodes = 100'000;

}  // namespace

/// Builds the tree of one document.
class YamlConverter : public YAML::EventHandler {
 public:
  explicit YamlConverter(std::shared_ptr<const std::string> path) : path_(std::move(path)) {
    root_.path_ = path_;  // an empty document has no event
    root_.line_ = 1;
  }

  Node take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1)
      fail(mark, "the document ends before this line", "check the indentation; a file holds one document");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    attach(make(Node::Kind::null, mark), anchor, mark);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    refuse_tag(mark, tag);
    Node node = make(Node::Kind::scalar, mark);
    node.scalar_ = value;
    attach(std::move(node), anchor, mark);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchored_.find(anchor);
    if (found == anchored_.end()) fail(mark, "an alias stands inside what it names", "write the value out");
    const Anchored& target = found->second;
    if (stack_.size() + target.depth > kMaxDepth) fail_depth(mark);
    spend_anchored(mark, target.nodes);
    attach(target.node, 0, mark);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(Node::Kind::sequence, mark, tag, anchor);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(Node::Kind::map, mark, tag, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }

 private:
  struct Frame {
    Node node;
    YAML::anchor_t anchor = 0;
    bool has_key = false;
    std::string key;
    int key_line = 0;
    std::unordered_set<std::string> keys;
  };
  struct Anchored {
    Node node;
    int64_t nodes = 0;
    size_t depth = 0;
  };

  [[noreturn]] void fail(const YAML::Mark& mark, std::string_view what, std::string_view fix) const {
    throw Error(ErrorKind::config, fmt::format("{}:{}", printable(*path_), mark.line + 1), what, fix);
  }
  [[noreturn]] void fail_depth(const YAML::Mark& mark) const {
    fail(mark, fmt::format("nesting is deeper than {}", kMaxDepth), "flatten the file");
  }

  void refuse_tag(const YAML::Mark& mark, const std::string& tag) const {
    if (!tag.empty() && tag != "?" && tag != "!")
      fail(mark, fmt::format("tag '{}' is not supported", printable(tag)), "remove it; quote what is meant as text");
  }

  Node make(Node::Kind kind, const YAML::Mark& mark) {
    if (++nodes_ > kMaxNodes) fail(mark, fmt::format("the file has more than {} values", kMaxNodes), "split it");
    Node node;
    node.kind_ = kind;
    node.line_ = node.key_line_ = mark.line + 1;
    node.path_ = path_;
    return node;
  }

  void spend_anchored(const YAML::Mark& mark, int64_t nodes) {
    anchored_nodes_ += nodes;
    if (anchored_nodes_ > kMaxAnchoredNodes)
      fail(mark, fmt::format("anchors expand to more than {} values", kMaxAnchoredNodes), "write the values out");
  }

  void open(Node::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    refuse_tag(mark, tag);
    if (stack_.size() >= kMaxDepth) fail_depth(mark);
    if (!stack_.empty() && expects_key(stack_.back())) fail_key(mark);
    Frame frame;
    frame.node = make(kind, mark);
    frame.anchor = anchor;
    stack_.push_back(std::move(frame));
  }

  void close() {
    Frame frame = std::move(stack_.back());
    stack_.pop_back();
    YAML::Mark mark;
    mark.line = frame.node.line_ - 1;
    attach(std::move(frame.node), frame.anchor, mark);
  }

  static bool expects_key(const Frame& frame) { return frame.node.is_map() && !frame.has_key; }
  [[noreturn]] void fail_key(const YAML::Mark& mark) const {
    fail(mark, "a key must be a plain text", "quote it, or close the bracket before it");
  }

  void attach(Node node, YAML::anchor_t anchor, const YAML::Mark& mark) {
    if (anchor != 0) {
      Anchored& entry = anchored_[anchor];
      entry = {node, 0, 0};
      measure(node, 1, entry);
      spend_anchored(mark, entry.nodes);
    }
    if (stack_.empty()) {
      root_ = std::move(node);
      return;
    }
    Frame& parent = stack_.back();
    if (expects_key(parent)) {
      take_key(parent, node, mark);
    } else if (parent.node.is_map()) {
      node.label_ = parent.key;
      node.key_line_ = parent.key_line;
      if (node.kind_ == Node::Kind::null) node.line_ = parent.key_line;  // yaml-cpp names the next token's line
      parent.has_key = false;
      parent.node.entries_.emplace_back(std::move(parent.key), std::move(node));
    } else {
      node.label_ = fmt::format("[{}]", parent.node.items_.size());
      parent.node.items_.push_back(std::move(node));
    }
  }

  void take_key(Frame& map, const Node& node, const YAML::Mark& mark) {
    if (!node.is_scalar()) fail_key(mark);
    map.key = node.scalar_;
    map.key_line = mark.line + 1;
    map.has_key = true;
    if (!map.keys.insert(map.key).second)
      fail(mark, fmt::format("key '{}' occurs twice", printable(map.key)), "remove one of the two");
  }

  static void measure(const Node& node, size_t depth, Anchored& entry) {
    ++entry.nodes;
    entry.depth = std::max(entry.depth, depth);
    for (const Node& item : node.items_) measure(item, depth + 1, entry);
    for (const auto& [key, value] : node.entries_) measure(value, depth + 1, entry);
  }

  std::shared_ptr<const std::string> path_;
  Node root_;
  std::vector<Frame> stack_;
  std::unordered_map<YAML::anchor_t, Anchored> anchored_;
  int64_t nodes_ = 0, anchored_nodes_ = 0;
  int documents_ = 0;
};

namespace {

std::string at_offset(std::string_view text, size_t offset, const std::string& path) {
  const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(offset), '\n');
  return fmt::format("{}:{}", printable(path), line);
}

void check_characters(std::string_view text, const std::string& path) {
  if (text.size() > kMaxBytes)
    throw Error(ErrorKind::config, printable(path), fmt::format("is larger than {} MiB", kMaxBytes >> 20), "split it");
  if (const size_t bad = base::find_invalid_utf8(text); bad != text.npos)
    throw Error(ErrorKind::config, at_offset(text, bad, path), "is not UTF-8 text", "save the file as UTF-8");
  // yaml-cpp takes byte 4 for the end of the file and would drop the rest in silence.
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r')
      throw Error(ErrorKind::config, at_offset(text, i, path), fmt::format("control character \\x{:02x}", byte),
                  "write it as an escape in double quotes");
  }
}

/// yaml-cpp scans a bracket to its end before the first event, in memory that many times exceeds the file: so what
/// is open at once is bounded before. Brackets in texts count too, hence far more than kMaxDepth are let pass.
void check_brackets(std::string_view text, const std::string& path) {
  constexpr int kMaxOpen = 1000;
  int open = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '[' || text[i] == '{') ++open;
    if ((text[i] == ']' || text[i] == '}') && open > 0) --open;
    if (open > kMaxOpen)
      throw Error(ErrorKind::config, at_offset(text, i, path), fmt::format("more than {} brackets are open", kMaxOpen),
                  "close them");
  }
}

/// The remedy for a syntax error in `line`, counted from 0.
std::string_view syntax_remedy(std::string_view text, int line) {
  constexpr std::string_view kCorrect = "correct the syntax there or before";
  for (; line > 0; --line) {
    const size_t end = text.find('\n');
    if (end == text.npos) return kCorrect;
    text.remove_prefix(end + 1);
  }
  const std::string_view indent = text.substr(0, text.find_first_not_of(" \t"));
  return indent.find('\t') == indent.npos ? kCorrect : "indent with spaces, not tabs";
}

}  // namespace

Node parse_yaml(const std::string& text, const std::string& path) {
  check_characters(text, path);
  check_brackets(text, path);
  YamlConverter converter(std::make_shared<const std::string>(path));
  try {
    // A last comment, because yaml-cpp accepts a quoted text that is open at the end of a line at the end of the file.
    std::istringstream stream(text + "\n#");
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(converter)) {
    }
  } catch (const YAML::Exception& error) {
    const auto last_line = static_cast<int>(std::count(text.begin(), text.end(), '\n') + !text.ends_with('\n'));
    throw Error(ErrorKind::config, fmt::format("{}:{}", printable(path), std::min(error.mark.line + 1, last_line)),
                "is not valid YAML: " + printable(error.msg), syntax_remedy(text, error.mark.line));
  }
  return converter.take();
}

Node load_yaml(const std::string& path) {
  const auto bytes = base::Bytes::open(path);
  return parse_yaml(std::string(bytes->view().substr(0, kMaxBytes + 1)), path);
}

}  // namespace allot::config
