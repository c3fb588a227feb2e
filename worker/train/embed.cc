#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "common/file_system.h"
#include "common/status_macros.h"
#include "worker/checkpoint/checkpoint_folder.h"
#include "worker/checkpoint/safetensors.h"
#include "worker/comm/catch.h"
#include "worker/drift/embedding_check.h"
#include "worker/train/device_setup.h"
#include "worker/train/local_shard.h"
#include "worker/train/sample_embedder.h"
#include "worker/train/tools.h"

namespace keel {
namespace {

// The shard as the only chunk.
class FileChunk : public ChunkReader {
 public:
  explicit FileChunk(std::unique_ptr<RandomAccessFile> file)
      : file_(std::move(file)) {}
  absl::StatusOr<std::string> Read(const std::string&, int64_t offset,
                                   int64_t length) override {
    return file_->Read(offset, length);
  }

 private:
  const std::unique_ptr<RandomAccessFile> file_;
};

// With the first of its captions.
SampleRef ToSampleRef(const ShardSample& from) {
  const ShardCaption& caption = from.captions.front();
  SampleRef to;
  to.key = from.key;
  to.image_offset = from.image_offset;
  to.image_size_bytes = from.image_size_bytes;
  to.image_digest = from.image_digest;
  to.format = from.format;
  to.captions = {{caption.digest, caption.offset, caption.size_bytes,
                  caption.json_position}};
  return to;
}

absl::StatusOr<std::vector<SampleList>> ListSamples(const std::string& shard) {
  KEEL_ASSIGN_OR_RETURN(const ShardIndex index, IndexLocalShard(shard));
  SampleList list;
  list.chunk_digest = "local";
  for (const ShardSample& sample : index.samples) {
    list.samples.push_back(ToSampleRef(sample));
  }
  return std::vector<SampleList>{std::move(list)};
}

absl::StatusOr<std::vector<LocalFile>> FilesIn(const std::string& folder) {
  KEEL_ASSIGN_OR_RETURN(const auto names, ListDirectory(folder));
  std::vector<LocalFile> files;
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
  return WriteSafetensors(options.out,
                          {{"image", image.to(at::kFloat)},
                           {"text", text.to(at::kFloat)}},
                          {{"keys", keys.dump()}});
}

absl::Status Embed(const EmbedOptions& options) {
  KEEL_ASSIGN_OR_RETURN(const c10::Device device,
                        ResolveDevice(options.device));
  SetUpProcess(options.threads);
  KEEL_ASSIGN_OR_RETURN(const auto files, FilesIn(options.checkpoint));
  KEEL_ASSIGN_OR_RETURN(const ClipModel model, LoadModel(files, device));
  KEEL_ASSIGN_OR_RETURN(const auto samples, ListSamples(options.shard));
  KEEL_ASSIGN_OR_RETURN(auto file, RandomAccessFile::Open(options.shard));
  FileChunk chunk(std::move(file));
  const Tokenizer tokenizer;
  KEEL_ASSIGN_OR_RETURN(
      const EmbeddedSamples embedded,
      EmbedSamples(model, samples, {.chunks = chunk, .tokenizer = tokenizer}));
  return WriteEmbeddings(options, samples[0], embedded);
}

}  // namespace

absl::Status EmbedShard(const EmbedOptions& options) {
  return CatchStatus(absl::StatusCode::kInternal, "embed",
                     [&] { return Embed(options); });
}

}  // namespace keel
