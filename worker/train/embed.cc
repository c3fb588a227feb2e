#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "common/file_system.h"
#include "common/status_macros.h"
#include "worker/checkpoint/checkpoint_folder.h"
#include "worker/checkpoint/safetensors.h"
#include "worker/comm/catch.h"
#include "worker/data/local_shard.h"
#include "worker/drift/embedding_check.h"
#include "worker/train/device_setup.h"
#include "worker/train/sample_embedder.h"
#include "worker/train/tools.h"

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

absl::Status WriteEmbeddings(const EmbedOptions& options,
                             const SampleList& samples,
                             const EmbeddedSamples& embedded) {
  KEEL_ASSIGN_OR_RETURN(const at::Tensor image,
                        UnitRows(embedded.embeddings.image, "image"));
  KEEL_ASSIGN_OR_RETURN(const at::Tensor text,
                        UnitRows(embedded.embeddings.text, "text"));
  nlohmann::json keys = nlohmann::json::array();
  for (int64_t ordinal : embedded.samples) {
    keys.push_back(samples.samples[ordinal].key);
  }
  return WriteSafetensors(
      options.out,
      {{"image", image.to(at::kFloat)}, {"text", text.to(at::kFloat)}},
      {{"keys", keys.dump()}});
}

// A line for each reason for which samples of the shard are left out.
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

absl::Status Embed(const EmbedOptions& options, std::ostream& notes) {
  KEEL_ASSIGN_OR_RETURN(const c10::Device device,
                        ResolveDevice(options.device));
  SetUpProcess(options.threads);
  KEEL_ASSIGN_OR_RETURN(const auto files, FilesIn(options.checkpoint));
  KEEL_ASSIGN_OR_RETURN(const ClipModel model, LoadModel(files, device));
  if (model.config().text.vocab_size <= Tokenizer::kEnd) {
    return absl::InvalidArgumentError(absl::StrCat(
        options.checkpoint, ": text_cfg.vocab_size is ",
        model.config().text.vocab_size, ", too few for CLIP's tokenizer"));
  }
  KEEL_ASSIGN_OR_RETURN(const auto shard, LocalShard::Open(options.shard));
  const Tokenizer tokenizer;
  KEEL_ASSIGN_OR_RETURN(
      const EmbeddedSamples embedded,
      EmbedSamples(model, shard->samples(),
                   {.chunks = *shard, .tokenizer = tokenizer}));
  NoteLeftOut(*shard, embedded.samples.size(), notes);
  return WriteEmbeddings(options, shard->samples()[0], embedded);
}

}  // namespace

absl::Status EmbedShard(const EmbedOptions& options, std::ostream& notes) {
  return CatchStatus(absl::StatusCode::kInternal, "embed",
                     [&] { return Embed(options, notes); });
}

}  // namespace keel
