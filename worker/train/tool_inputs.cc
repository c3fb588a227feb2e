#include "worker/train/tool_inputs.h"

#include <algorithm>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/file_system.h"
#include "common/status_macros.h"
#include "worker/checkpoint/checkpoint_folder.h"
#include "worker/data/tokenizer.h"

namespace keel {
namespace {

absl::StatusOr<std::vector<LocalFile>> FilesIn(const std::string& folder) {
  KEEL_ASSIGN_OR_RETURN(const auto names, ListDirectory(folder));
  std::vector<LocalFile> files;
  files.reserve(names.size());
  for (const std::string& name : names) {
    files.push_back({name, JoinPath(folder, name)});
  }
  return files;
}

}  // namespace

absl::StatusOr<ClipModel> LoadCheckpointFolder(const std::string& folder,
                                               at::Device device) {
  KEEL_ASSIGN_OR_RETURN(const auto files, FilesIn(folder));
  KEEL_ASSIGN_OR_RETURN(ClipModel model, LoadModel(files, device));
  if (model.config().text.vocab_size <= Tokenizer::kEnd) {
    return absl::InvalidArgumentError(absl::StrCat(
        folder, ": text_cfg.vocab_size is ", model.config().text.vocab_size,
        ", too few for CLIP's tokenizer"));
  }
  return model;
}

void NoteLeftOut(const LocalShard& shard, size_t embedded_count,
                 std::ostream& notes) {
  const ShardIndex& left_out = shard.left_out();
  for (const auto& [reason, count] : left_out.rejected_by_reason) {
    notes << "left out: " << count << " by " << reason;
    const auto first = std::find_if(
        left_out.rejected.begin(), left_out.rejected.end(),
        [&reason = reason](const auto& r) { return r.reason == reason; });
    if (first != left_out.rejected.end()) notes << ": " << first->message;
    notes << "\n";
  }
  const size_t undecodable = shard.samples()[0].samples.size() - embedded_count;
  if (undecodable > 0) {
    notes << "left out: " << undecodable << " by IMAGE_DECODE\n";
  }
}

}  // namespace keel
