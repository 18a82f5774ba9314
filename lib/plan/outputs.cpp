// SPDX-License-Identifier: Apache-2.0
#include "plan/outputs.h"

#include <algorithm>
#include <filesystem>

#include <fmt/ranges.h>

#include "base/error.h"
#include "base/log.h"
#include "emit/annotate.h"
#include "emit/exports.h"
#include "emit/ort.h"
#include "emit/page.h"
#include "emit/split.h"
#include "emit/trace.h"
#include "onnxio/checker.h"
#include "onnxio/reader.h"
#include "onnxio/writer.h"

namespace allot::plan {
namespace {

std::vector<bool> used_devices(const Input& input, const Placed& placed) {
  std::vector<bool> used(input.problem->devices());
  for (const auto device : placed.placement) used[device] = true;
  return used;
}

void warn_of_conflicts(const Input& input, const Placed& placed) {
  const auto conflicts = emit::provider_conflicts(input.problem->cluster(), used_devices(input, placed));
  if (conflicts.empty()) return;
  std::string names;
  for (const auto& name : conflicts) names += (names.empty() ? "" : ", ") + name;
  base::warn(
      "one ONNX Runtime session has one device of each provider type, and {} would be a second one: the file carries "
      "the placement, but no session settings; --split FOLDER writes a model for each device instead, with a program "
      "that runs them one after another",
      names);
}

// By tensor of the model's graph: "float32[1,64,56,56]".
std::vector<std::string> tensor_types(const Input& input) {
  std::vector<std::string> types(input.built.graph.num_tensors());
  for (ir::ValueId value = 0; value < input.built.tensor_of_value.size(); ++value) {
    const auto& type = input.planning.shapes.types[value];
    const graph::TensorId tensor = input.built.tensor_of_value[value];
    if (tensor != graph::kNone && type.has_rank)
      types[tensor] = fmt::format("{}[{}]", ir::name(type.elem), fmt::join(type.dims, ","));
  }
  return types;
}

// "olive=splits.json" -> the kind of export, the file.
std::pair<const emit::Export*, std::string> split_export(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals + 1 == text.size())
    throw base::Error(base::ErrorKind::usage, "--export " + base::printable(text), "is not of the form KIND=FILE",
                      "write it like --export olive=splits.json");
  return {&emit::find_export(text.substr(0, equals)), text.substr(equals + 1)};
}

// Everything written so far is taken back if a later file fails: no partial output.
class Written {
 public:
  ~Written() {
    if (kept_) return;
    for (const auto& path : paths_) std::filesystem::remove(path, ignored_);
  }
  void add(const std::string& path) {
    if (path != "-") paths_.push_back(path);
  }
  std::vector<std::string> keep() {
    kept_ = true;
    return std::move(paths_);
  }

 private:
  std::vector<std::string> paths_;
  std::error_code ignored_;
  bool kept_ = false;
};

void write_model(Input& input, const Placed& placed, const OutputOptions& options, base::Replace replace,
                 Written& written) {
  emit::AnnotateOptions annotate;
  annotate.stage =
      options.stage_numbering == "none" ? emit::AnnotateOptions::Stage::none : emit::AnnotateOptions::Stage::device;
  annotate.ir_version = options.ir_version == "keep" ? emit::AnnotateOptions::IrVersion::keep
                                                     : emit::AnnotateOptions::IrVersion::automatic;
  emit::annotate(input.model, input.problem->cluster(), input.device_of_node(placed.placement), placed.sidecar,
                 annotate);
  if (options.verify) onnxio::check(input.model);
  if (options.output != "-")
    for (const auto& path : onnxio::copy_external_data(input.model, options.output, replace)) written.add(path);
  onnxio::write(input.model, options.output, replace);
  written.add(options.output);
  warn_of_conflicts(input, placed);
}

// Sub-models, what they share, the manifest and the program that runs them.
void write_split(Input& input, const Placed& placed, const OutputOptions& options, base::Replace replace,
                 Written& written) {
  emit::strip(input.model);
  const auto devices = input.device_of_node(placed.placement);
  const auto split =
      emit::split({input.model, input.planning, input.problem->cluster(), devices, input.dims, placed.sidecar.version});
  const auto path = [&](const std::string& file) {
    std::string result = (std::filesystem::path(options.split) / file).string();
    base::check_output(result, replace, input.files);
    return result;
  };
  std::error_code error;
  std::filesystem::create_directories(options.split, error);
  if (error)
    throw base::Error(base::ErrorKind::cannot_create, base::printable(options.split),
                      "cannot create the folder: " + error.message());
  for (const auto& part : split.parts) {
    if (options.verify) onnxio::check(part.model);
    onnxio::write(part.model, path(part.file), replace);
    written.add(path(part.file));
  }
  for (const auto& copy : onnxio::copy_external_data(input.model, path(emit::kManifest), replace)) written.add(copy);
  if (!split.shared_weights.empty()) {
    emit::write_shared_weights(split, path(emit::kSharedWeights), replace);
    written.add(path(emit::kSharedWeights));
  }
  base::write_file(path(emit::kRunner), emit::split_runner(), replace);
  written.add(path(emit::kRunner));
  base::write_file(path(emit::kManifest), split.manifest, replace);
  written.add(path(emit::kManifest));
}

}  // namespace

void OutputOptions::bind(config::Binder& binder) {
  const auto file = [&](const char* name, std::string& value, const char* help) {
    binder.text(name, value, help).cli_only = true;
  };
  file("output", output, "write the placed model here, and <stem>.placement.json beside it");
  file("report", report, "write an HTML page: schedule, methods, search, limits, memory, transfers");
  file("trace", trace, "write the simulated run as a Perfetto trace (JSON)");
  file("dot", dot, "write the placed graph for Graphviz");
  file("split", split, "write a sub-model for each stretch of ops on one device into this folder, with a manifest");
  std::string kinds;
  for (const auto& entry : emit::exports()) kinds += (kinds.empty() ? "" : ", ") + std::string(entry.kind);
  binder.list("export", exports, "KIND=FILE, repeatable: write the placement for another tool; " + kinds).cli_only =
      true;
  file("depfile", depfile, "write a Make rule: outputs depend on every file that was read");
  binder.choice("stage_numbering", stage_numbering, "pipeline_stage of the IR-11 configuration", {"device", "none"});
  binder.choice("ir_version", ir_version, "auto raises the IR version to 11 where that is safe", {"auto", "keep"});
  binder.flag("verify", verify, "run ONNX's own checker on the placed model");
}

bool OutputOptions::wanted() const {
  return !exports.empty() || !(output + report + trace + dot + split + depfile).empty();
}

std::string OutputOptions::sidecar() const {
  if (output.empty() || output == "-") return "";
  return std::filesystem::path(output).replace_extension(".placement.json").string();
}

void OutputOptions::check(base::Replace replace, const std::vector<std::string>& inputs) const {
  std::vector<std::string> outputs = {output, sidecar(), report, trace, dot, depfile};
  for (const auto& text : exports) outputs.push_back(split_export(text).second);
  std::erase(outputs, "");
  for (const auto& path : outputs) base::check_output(path, replace, inputs);
  std::sort(outputs.begin(), outputs.end());
  if (const auto twice = std::adjacent_find(outputs.begin(), outputs.end()); twice != outputs.end())
    throw base::Error(base::ErrorKind::usage, base::printable(*twice), "is named as two outputs", "name two files");
}

std::string make_rule(const std::vector<std::string>& targets, const std::vector<std::string>& prerequisites) {
  const auto escaped = [](const std::string& path) {
    std::string text;
    for (const char c : path) {
      if (c == ' ' || c == '#' || c == '\\') text += '\\';
      if (c == '$') text += '$';
      text += c;
    }
    return text;
  };
  std::string rule = "# generated by allot\n";
  for (const auto& target : targets) rule += (rule.ends_with('\n') ? "" : " ") + escaped(target);
  rule += ':';
  for (const auto& path : prerequisites) rule += " \\\n  " + escaped(path);
  return rule + '\n';
}

std::vector<std::string> write_outputs(Input& input, const Placed& placed, const OutputOptions& options,
                                       base::Replace replace) {
  Written written;
  const auto write = [&](const std::string& path, const auto& make_content) {
    if (path.empty()) return;
    base::write_file(path, make_content(), replace);
    written.add(path);
  };
  write(options.report, [&] {
    return emit::placement_page({*input.problem, placed.sidecar, placed.comparison, placed.placement, placed.outcome,
                                 input.notes, placed.timed});
  });
  write(options.trace, [&] {
    return emit::perfetto_trace(*input.problem, placed.placement, placed.outcome,
                                {.tensor_types = tensor_types(input)});
  });
  write(options.dot, [&] { return emit::dot(*input.problem, placed.placement); });
  for (const auto& text : options.exports) {
    const auto [entry, path] = split_export(text);
    write(path, [&, kind = entry] {
      return kind->write({input.model, input.problem->cluster(), input.device_of_node(placed.placement),
                          options.output.empty() ? "placed.onnx" : options.output});
    });
  }
  if (!options.split.empty()) write_split(input, placed, options, replace, written);
  if (!options.output.empty()) write_model(input, placed, options, replace, written);
  write(options.sidecar(), [&] { return place::to_json(placed.sidecar); });
  std::vector<std::string> paths = written.keep();
  if (!options.depfile.empty()) {
    base::write_file(options.depfile, make_rule(paths, input.files), replace);
    paths.push_back(options.depfile);
  }
  return paths;
}

size_t strip_file(const std::string& model_path, const std::string& output, base::Replace replace) {
  auto model = onnxio::read(model_path);
  const size_t annotated = emit::strip(model);
  if (annotated == 0)
    base::warn("{}: carries no annotation of allot; it is copied as it is", base::printable(model_path));
  if (output != "-") onnxio::copy_external_data(model, output, replace);
  onnxio::write(model, output, replace);
  return annotated;
}

}  // namespace allot::plan
