#include <nlohmann/json.hpp>
#include <ostream>

#include "common/status_macros.h"
#include "worker/checkpoint/safetensors.h"
#include "worker/comm/catch.h"
#include "worker/data/local_shard.h"
#include "worker/drift/embedding_check.h"
#include "worker/train/device_setup.h"
#include "worker/train/sample_embedder.h"
#include "worker/train/tool_inputs.h"
#include "worker/train/tools.h"

namespace keel {
namespace {

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

absl::Status Embed(const EmbedOptions& options, std::ostream& notes) {
  KEEL_ASSIGN_OR_RETURN(const c10::Device device,
                        ResolveDevice(options.device));
  SetUpProcess(options.threads);
  KEEL_ASSIGN_OR_RETURN(const ClipModel model,
                        LoadCheckpointFolder(options.checkpoint, device));
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
