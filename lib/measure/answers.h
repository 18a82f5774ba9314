// SPDX-License-Identifier: Apache-2.0
// The worker's half of the messages: what it reads and what it writes.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "measure/messages.h"

namespace allot::measure {

std::string to_json(const Hello& hello);
std::string to_json(const Reply& reply);
/// An answer of this schema that tells of an error.
std::string to_json(const base::Error& error, std::string_view schema = kRunReply);
/// What a request says it is. Errors: malformed.
std::string schema_of(const std::string& request);
/// Strict, as parse_hello. Errors: malformed.
Request parse_request(const std::string& text);

}  // namespace allot::measure
