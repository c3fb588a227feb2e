// What the tools of the command line read: a checkpoint's folder and a shard.
#ifndef KEEL_WORKER_TRAIN_TOOL_INPUTS_H_
#define KEEL_WORKER_TRAIN_TOOL_INPUTS_H_

#include <ostream>
#include <string>

#include "absl/status/statusor.h"
#include "worker/data/local_shard.h"
#include "worker/model/clip_model.h"

namespace keel {

// Errors as LoadModel; INVALID_ARGUMENT: a vocabulary too small for CLIP's
// tokenizer.
absl::StatusOr<ClipModel> LoadCheckpointFolder(const std::string& folder,
                                               at::Device device);

// A line for each reason for which samples of the shard are left out.
void NoteLeftOut(const LocalShard& shard, size_t embedded_count,
                 std::ostream& notes);

}  // namespace keel

#endif  // KEEL_WORKER_TRAIN_TOOL_INPUTS_H_
