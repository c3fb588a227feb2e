#include "coordinator/ingest/chunk_indexer.h"

#include <algorithm>
#include <limits>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/reason.h"
#include "common/status_macros.h"

namespace keel {
namespace {

int64_t PositiveOr(int64_t value, int64_t fallback) {
  return value > 0 ? value : fallback;
}

ShardLimits ToShardLimits(const v1::LimitsConfig& limits) {
  // The index stores sizes of entries in 32 bits.
  constexpr int64_t kMost = std::numeric_limits<int32_t>::max();
  const ShardLimits defaults;
  ShardLimits result;
  result.max_image_pixels =
      PositiveOr(limits.max_image_pixels(), defaults.max_image_pixels);
  result.max_image_bytes = std::min(
      kMost, PositiveOr(limits.max_image_bytes(), defaults.max_image_bytes));
  // Less the line end that a .txt entry may have on top.
  result.max_caption_bytes = std::min(
      kMost - 2,
      PositiveOr(limits.max_caption_bytes(), defaults.max_caption_bytes));
  result.max_samples =
      PositiveOr(limits.max_samples_per_chunk(), defaults.max_samples);
  result.max_captions_per_sample = PositiveOr(limits.max_captions_per_sample(),
                                              defaults.max_captions_per_sample);
  // A .json entry may hold all captions of its sample.
  result.max_json_bytes =
      std::clamp(result.max_caption_bytes, defaults.max_json_bytes, kMost);
  return result;
}

void ToProto(const ShardSample& sample, storage::v1::SampleIndex* proto) {
  proto->set_key(sample.key);
  proto->set_image_offset(sample.image_offset);
  proto->set_image_size_bytes(sample.image_size_bytes);
  proto->set_image_digest(sample.image_digest);
  proto->set_format(
      static_cast<storage::v1::SampleIndex::Format>(sample.format));
  proto->set_width(sample.width);
  proto->set_height(sample.height);
  for (const ShardCaption& caption : sample.captions) {
    storage::v1::CaptionIndex* added = proto->add_captions();
    added->set_digest(caption.digest);
    added->set_offset(caption.offset);
    added->set_size_bytes(caption.size_bytes);
    added->set_json_position(caption.json_position);
  }
}

absl::Status NoUsableSample(const ShardIndex& index) {
  std::map<std::string, std::string> metadata;
  std::string message = "the shard has no usable sample";
  const char* separator = ": left out by ";
  for (const auto& [reason, count] : index.rejected_by_reason) {
    absl::StrAppend(&message, separator, reason, " ", count);
    metadata[reason] = absl::StrCat(count);
    separator = ", ";
  }
  if (!index.rejected.empty()) {
    absl::StrAppend(&message, "; first: ", index.rejected[0].message);
  }
  return WithReason(absl::InvalidArgumentError(message),
                    {std::string(kNoUsableSample), std::move(metadata)});
}

v1::SampleCounts CountsOf(const ShardIndex& index, int accepted_count) {
  v1::SampleCounts counts;
  counts.set_accepted_count(accepted_count);
  counts.set_rejected_count(index.rejected_count);
  counts.mutable_rejected_by_reason()->insert(index.rejected_by_reason.begin(),
                                              index.rejected_by_reason.end());
  return counts;
}

v1::RejectedSample ToProto(const ShardRejection& rejection) {
  v1::RejectedSample proto;
  proto.set_key(rejection.key);
  proto.set_reason(rejection.reason);
  proto.set_message(rejection.message);
  return proto;
}

}  // namespace

ChunkIndexer::ChunkIndexer(const v1::LimitsConfig& limits,
                           int64_t max_index_bytes)
    : indexer_(ToShardLimits(limits)), max_index_bytes_(max_index_bytes) {}

absl::Status ChunkIndexer::Consume(std::string_view data) {
  KEEL_RETURN_IF_ERROR(indexer_.Consume(data));
  return Add(indexer_.TakeSamples());
}

absl::Status ChunkIndexer::Add(const std::vector<ShardSample>& samples) {
  for (const ShardSample& sample : samples) {
    storage::v1::SampleIndex& added = *chunk_.index.add_samples();
    ToProto(sample, &added);
    // With its tag and length in the index.
    index_bytes_ += static_cast<int64_t>(added.ByteSizeLong()) + 4;
    if (index_bytes_ <= max_index_bytes_) continue;
    return WithReason(
        absl::InvalidArgumentError(absl::StrCat(
            "the shard's index of samples and captions has more than ",
            max_index_bytes_, " bytes after ", chunk_.index.samples_size(),
            " samples; split the shard")),
        {std::string(kIndexTooLarge),
         {{"max_bytes", absl::StrCat(max_index_bytes_)}}});
  }
  return absl::OkStatus();
}

absl::StatusOr<IndexedChunk> ChunkIndexer::Finish(
    const std::string& chunk_digest) {
  KEEL_ASSIGN_OR_RETURN(const ShardIndex index, indexer_.Finish());
  KEEL_RETURN_IF_ERROR(Add(index.samples));
  if (chunk_.index.samples_size() == 0) return NoUsableSample(index);
  chunk_.index.set_chunk_digest(chunk_digest);
  chunk_.counts = CountsOf(index, chunk_.index.samples_size());
  for (const ShardRejection& rejection : index.rejected) {
    chunk_.rejected.push_back(ToProto(rejection));
  }
  return std::move(chunk_);
}

}  // namespace keel
