// Writes what Keel makes of a shard's samples, for tokens_and_images.py:
//   keel-data-dump SHARD.tar OUT_DIR IMAGE_SIZE CONTEXT_LENGTH
// keys.txt: one key per line, in tar order, without undecodable samples.
// tokens.bin: int32, little-endian, [samples, CONTEXT_LENGTH], first captions.
// images.bin: uint8, [samples, 3, IMAGE_SIZE, IMAGE_SIZE], not normalised.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/file_system.h"
#include "common/status_macros.h"
#include "worker/data/local_shard.h"
#include "worker/data/sample_loader.h"

namespace keel {
namespace {

template <typename T>
std::string_view BytesOf(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()),
          values.size() * sizeof(T)};
}

absl::Status WriteRows(const SampleLoader& loader, const LoadedRows& rows,
                       const std::string& folder) {
  std::string keys;
  for (int64_t sample : rows.samples)
    absl::StrAppend(&keys, loader.sample(sample).key, "\n");
  KEEL_RETURN_IF_ERROR(CreateDirectories(folder));
  KEEL_RETURN_IF_ERROR(WriteFileAtomically(JoinPath(folder, "keys.txt"), keys));
  KEEL_RETURN_IF_ERROR(WriteFileAtomically(JoinPath(folder, "tokens.bin"),
                                           BytesOf(rows.tokens)));
  return WriteFileAtomically(JoinPath(folder, "images.bin"),
                             BytesOf(rows.images));
}

absl::Status Dump(const std::string& shard, const std::string& folder,
                  const SampleLoader::Options& options) {
  KEEL_ASSIGN_OR_RETURN(const auto local, LocalShard::Open(shard));
  const Tokenizer tokenizer;
  SampleLoader loader(options, local->samples(), *local, tokenizer);
  std::vector<RowRequest> requests;
  for (int64_t i = 0; i < loader.sample_count(); ++i)
    requests.push_back({i, 0});
  KEEL_ASSIGN_OR_RETURN(const LoadedRows rows, loader.Load(requests));
  return WriteRows(loader, rows, folder);
}

}  // namespace
}  // namespace keel

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(
        stderr,
        "usage: keel-data-dump SHARD.tar OUT_DIR IMAGE_SIZE CONTEXT_LENGTH\n");
    return 2;
  }
  keel::SampleLoader::Options options;
  options.image_size = std::atoi(argv[3]);
  options.context_length = std::atoi(argv[4]);
  const absl::Status status = keel::Dump(argv[1], argv[2], options);
  if (status.ok()) return 0;
  std::fprintf(stderr, "keel-data-dump: %s\n", status.ToString().c_str());
  return 1;
}
