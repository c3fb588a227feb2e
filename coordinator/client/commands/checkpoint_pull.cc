#include "coordinator/client/commands/checkpoint_pull.h"

#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "coordinator/client/checkpoint_puller.h"
#include "coordinator/client/progress_bar.h"

namespace keel {

absl::StatusOr<v1::Checkpoint> PullCheckpoint(CommandContext& context,
                                              const std::string& name,
                                              const std::string& folder) {
  KEEL_ASSIGN_OR_RETURN(const StreamAtPhase place, ParseStreamAtPhase(name));
  v1::GetCheckpointRequest request;
  request.set_stream(place.stream);
  request.set_phase(place.phase);
  KEEL_ASSIGN_OR_RETURN(
      const v1::Checkpoint checkpoint,
      context.client().Call(context.client().checkpoints(),
                            &v1::CheckpointService::Stub::GetCheckpoint,
                            request));
  ProgressBar bar(DetectTerminal(2));
  TransferOptions options = context.transfer_options();
  options.progress = [&](int64_t done, int64_t total) {
    bar.ShowBytes(absl::StrCat(place.stream, "@", checkpoint.phase()), done,
                  total);
  };
  CheckpointPuller puller(context.client().checkpoints(), options);
  KEEL_RETURN_IF_ERROR(
      context.client().Explain(puller.Pull(checkpoint, folder)));
  return checkpoint;
}

}  // namespace keel
