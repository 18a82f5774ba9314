// SPDX-License-Identifier: Apache-2.0
#include "data/read.h"

#include "base/file.h"
#include "data/read_numpy.h"

namespace allot::data {

Dataset read(const std::string& path, const ReadOptions& options) {
  auto file = base::Bytes::open(path);
  const std::string_view bytes = file->view();
  if (bytes.starts_with("\x93NUMPY")) return read_npy_dataset(std::move(file), options);
  if (bytes.starts_with("PK\3\4") || bytes.starts_with("PK\5\6")) return read_npz(std::move(file), options);
  throw base::Error(base::ErrorKind::malformed, base::printable(path), "is in no format that datasets come in",
                    "give .npz or .npy");
}

}  // namespace allot::data
