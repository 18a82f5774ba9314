// SPDX-License-Identifier: Apache-2.0
// The one error type, and the one table of exit codes.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include <fmt/core.h>

namespace allot::base {

// name, exit code, meaning. The numbers are sysexits' where one fits.
#define ALLOT_ERROR_KINDS(X)                                                       \
  X(check_failed, 1, "a check failed, or training collapsed or became non-finite") \
  X(usage, 64, "the command line is wrong")                                        \
  X(malformed, 65, "an input is malformed")                                        \
  X(input_missing, 66, "an input is missing or unreadable")                        \
  X(unavailable, 69, "a device, backend or operator is not available")             \
  X(internal, 70, "a defect of Allot itself; please report it")                    \
  X(out_of_memory, 71, "out of memory")                                            \
  X(cannot_create, 73, "an output cannot be created")                              \
  X(io, 74, "reading or writing failed")                                           \
  X(try_again, 75, "the same command may succeed later")                           \
  X(permission, 77, "permission denied")                                           \
  X(config, 78, "a configuration file is wrong")

enum class ErrorKind {
#define ALLOT_ENUMERATOR(name, code, text) name = code,
  ALLOT_ERROR_KINDS(ALLOT_ENUMERATOR)
#undef ALLOT_ENUMERATOR
};

inline int exit_code(ErrorKind kind) { return static_cast<int>(kind); }

/// What went wrong with whom, and what to do: rendered as one line, `where: what; fix`.
///   where  a file, file:line, node, tensor or key; may be empty
///   fix    a remedy as an imperative phrase; may be empty
/// Control characters and invalid UTF-8 of foreign names are escaped, so that one error stays one line.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, std::string_view where, std::string_view what, std::string_view fix = {});

  ErrorKind kind() const { return kind_; }
  const std::string& where() const { return where_; }
  const std::string& message() const { return message_; }
  const std::string& fix() const { return fix_; }

  /// The same error with `outer` put before its place: "model.onnx" + "node 'x'" -> "model.onnx: node 'x'".
  Error within(std::string_view outer) const;

 private:
  ErrorKind kind_;
  std::string where_, message_, fix_;
};

/// Throws internal errors: for what can only be wrong through a defect of ours, never for input.
#define ALLOT_ASSERT(condition)                                                        \
  do {                                                                                 \
    if (!(condition)) ::allot::base::assertion_failed(#condition, __FILE__, __LINE__); \
  } while (false)
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line);

/// `text` with control characters, backslashes and invalid UTF-8 written as escapes and long text cut in
/// the middle: safe to print on one line whatever a file contained.
std::string printable(std::string_view text, size_t max_length = 200);

/// The member of `candidates` most like `word` by edit distance, or "" if none is close.
template <typename Range>
std::string nearest(std::string_view word, const Range& candidates);
size_t edit_distance(std::string_view a, std::string_view b);

template <typename Range>
std::string nearest(std::string_view word, const Range& candidates) {
  std::string best;
  size_t best_distance = word.size() / 3 + 2;
  for (const auto& candidate : candidates) {
    const size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) best_distance = distance, best = std::string(candidate);
  }
  return best;
}

/// "; did you mean 'x'?"-style remedy for an unknown word, listing the choices if none is near.
template <typename Range>
std::string suggestion(std::string_view word, const Range& candidates) {
  if (const auto close = nearest(word, candidates); !close.empty()) return fmt::format("did you mean '{}'?", close);
  std::string all;
  for (const auto& candidate : candidates) {
    if (!all.empty()) all += ", ";
    all += candidate;
  }
  return "choose one of: " + all;
}

}  // namespace allot::base
