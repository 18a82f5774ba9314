// SPDX-License-Identifier: Apache-2.0
#include "config/binder.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.h"

namespace allot::config {

using base::Error;
using base::ErrorKind;
using base::printable;

namespace {

std::string_view unit_type(Unit unit) {
  switch (unit) {
    case Unit::none:
      return "number";
    case Unit::bytes:
      return "size";
    case Unit::seconds:
      return "time";
    case Unit::bytes_per_s:
      return "bandwidth";
    case Unit::flops:
      return "flops";
    case Unit::fraction:
      return "fraction";
  }
  return "number";
}

std::string_view unit_metavar(Unit unit) {
  switch (unit) {
    case Unit::none:
      return "X";
    case Unit::bytes:
      return "BYTES";
    case Unit::seconds:
      return "TIME";
    case Unit::bytes_per_s:
      return "BYTES/S";
    case Unit::flops:
      return "FLOPS";
    case Unit::fraction:
      return "X%";
  }
  return "X";
}

/// The parsers in units.h know the text only; this puts its place before their errors.
template <typename Parse>
auto parse_at(const std::string& where, Parse&& parse) {
  try {
    return parse();
  } catch (const Error& error) {
    throw error.within(where);
  }
}

}  // namespace

void Option::tell_when_set(bool& given) {
  set = [&given, inner = std::move(set)](const std::string& text, const std::string& where) {
    inner(text, where);
    given = true;
  };
}

std::string Option::flag_name() const {
  std::string name = "--" + path;
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

std::string Option::yaml() const {
  const auto values = get();
  if (!is_list) return yaml_scalar(values.at(0));
  std::string text = "[";
  for (const auto& value : values) text += (text.size() > 1 ? ", " : "") + yaml_scalar(value);
  return text + "]";
}

void Binder::section(std::string name, std::string help, const std::function<void(Binder&)>& body) {
  const std::string outer = prefix_;
  sections_.emplace_back(outer + name, std::move(help));
  prefix_ += name + ".";
  body(*this);
  prefix_ = outer;
}

void Binder::preset(Option& option, std::vector<std::string> sections, std::function<void()> apply) {
  option.goes_first = true;
  option.set = [this, inner = std::move(option.set), sections = std::move(sections), apply = std::move(apply)](
                   const std::string& text, const std::string& where) {
    inner(text, where);
    apply();
    for (Option& each : options_)
      for (const std::string& section : sections)
        if (each.path == section || each.path.starts_with(section + ".")) each.default_text = each.yaml();
  };
}

Option& Binder::add(std::string name, std::string help, std::string type, std::string metavar) {
  ALLOT_ASSERT(find(prefix_ + name) == nullptr);
  Option option;
  option.path = prefix_ + name;
  option.help = std::move(help);
  option.type = std::move(type);
  option.metavar = std::move(metavar);
  options_.push_back(std::move(option));
  return options_.back();
}

Option& Binder::flag(std::string name, bool& value, std::string help) {
  Option& option = add(std::move(name), std::move(help), "flag", "");
  option.is_flag = true;
  option.set = [&value](const std::string& text, const std::string& where) {
    if (text != "true" && text != "false")
      throw Error(ErrorKind::config, where, fmt::format("'{}' is not a switch", printable(text, 60)),
                  "write true or false");
    value = text == "true";
  };
  option.get = [&value] { return std::vector<std::string>{value ? "true" : "false"}; };
  option.default_text = option.yaml();
  return option;
}

Option& Binder::integer(std::string name, int64_t& value, std::string help, int64_t min, int64_t max) {
  ALLOT_ASSERT(min <= value && value <= max);
  Option& option = add(std::move(name), std::move(help), "integer", "N");
  option.range = max == std::numeric_limits<int64_t>::max() ? fmt::format("at least {}", min)
                                                            : fmt::format("between {} and {}", min, max);
  option.set = [&value, min, max](const std::string& text, const std::string& where) {
    value = parse_at(where, [&] { return parse_integer(text, min, max); });
  };
  option.get = [&value] { return std::vector<std::string>{fmt::format("{}", value)}; };
  option.default_text = option.yaml();
  return option;
}

Option& Binder::number(std::string name, double& value, std::string help, double min, double max, Unit unit) {
  ALLOT_ASSERT(min <= value && value <= max);
  Option& option = add(std::move(name), std::move(help), std::string(unit_type(unit)), std::string(unit_metavar(unit)));
  option.range = format_range(min, max, unit);
  option.set = [&value, min, max, unit](const std::string& text, const std::string& where) {
    value = parse_at(where, [&] { return parse_quantity(text, unit, min, max); });
  };
  option.get = [&value, unit] { return std::vector<std::string>{format_quantity(value, unit)}; };
  option.default_text = option.yaml();
  return option;
}

Option& Binder::text(std::string name, std::string& value, std::string help) {
  Option& option = add(std::move(name), std::move(help), "text", "TEXT");
  option.set = [&value](const std::string& text, const std::string&) { value = text; };
  option.get = [&value] { return std::vector<std::string>{value}; };
  option.default_text = option.yaml();
  return option;
}

Option& Binder::choice(std::string name, std::string& value, std::string help, std::vector<std::string> choices) {
  ALLOT_ASSERT(std::find(choices.begin(), choices.end(), value) != choices.end());
  Option& option = add(std::move(name), std::move(help), "choice", fmt::format("{}", fmt::join(choices, "|")));
  option.choices = choices;
  option.set = [&value, choices = std::move(choices)](const std::string& text, const std::string& where) {
    if (std::find(choices.begin(), choices.end(), text) == choices.end())
      throw Error(ErrorKind::config, where, fmt::format("'{}' is not a choice", printable(text, 60)),
                  fmt::format("choose one of: {}", fmt::join(choices, ", ")));
    value = text;
  };
  option.get = [&value] { return std::vector<std::string>{value}; };
  option.default_text = option.yaml();
  return option;
}

Option& Binder::list(std::string name, std::vector<std::string>& values, std::string help) {
  Option& option = add(std::move(name), std::move(help), "list", "TEXT");
  option.is_list = true;
  option.set = [&values](const std::string& text, const std::string&) { values.push_back(text); };
  option.clear = [&values] { values.clear(); };
  option.get = [&values] { return values; };
  option.default_text = option.yaml();
  return option;
}

Option* Binder::find(std::string_view path) {
  for (Option& option : options_)
    if (option.path == path) return &option;
  return nullptr;
}

}  // namespace allot::config
