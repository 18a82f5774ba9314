// SPDX-License-Identifier: Apache-2.0
// Inputs of a run from files or made up, and its outputs to a file.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/file.h"
#include "exec/program.h"

namespace allot::run {

/// One value for each of the program's inputs, read from
///   a safetensors file, by name
///   a folder, each input from "<name>.npy" or "<name>.pb", or else all from input_0.pb, input_1.pb ... in the order of
///   the inputs (as ONNX's test data are)
///   a single .npy or .pb file, for a program of one input.
/// Inputs with a default may be left out. Errors: input_missing; malformed, naming file and input.
std::vector<exec::Value> read_inputs(const std::string& path, const std::vector<exec::ProgramInput>& inputs);

/// Values for inputs that nobody gives: floats from a normal distribution, integers 0 or 1, which are valid indices
/// almost everywhere. Dimensions that are open take what `dims` says of their symbol, or of "input:axis", otherwise 1.
/// Errors: unavailable for inputs that are no tensors of numbers.
std::vector<exec::Value> make_inputs(const std::vector<exec::ProgramInput>& inputs,
                                     const std::map<std::string, int64_t>& dims, uint64_t seed);

/// A safetensors file. Errors: unavailable for values that are no tensors, or of a type that the format has not.
void write_values(const std::string& path, const std::vector<std::string>& names,
                  const std::vector<exec::Value>& values, base::Replace replace);

}  // namespace allot::run
