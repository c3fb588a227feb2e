#include "coordinator/ingest/chunk_indexer.h"

#include <algorithm>
#include <limits>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/reason.h"
#include "common/shard/shard_indexer.h"
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

v1::SampleCounts CountsOf(const ShardIndex& index) {
  v1::SampleCounts counts;
  counts.set_accepted_count(static_cast<int64_t>(index.samples.size()));
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

class ChunkIndexer::Impl {
 public:
  explicit Impl(const ShardLimits& limits) : indexer(limits) {}
  ShardIndexer indexer;
};

ChunkIndexer::ChunkIndexer(const v1::LimitsConfig& limits)
    : impl_(std::make_unique<Impl>(ToShardLimits(limits))) {}
ChunkIndexer::~ChunkIndexer() = default;

absl::Status ChunkIndexer::Consume(std::string_view data) {
  return impl_->indexer.Consume(data);
}

absl::StatusOr<IndexedChunk> ChunkIndexer::Finish(
    const std::string& chunk_digest) {
  KEEL_ASSIGN_OR_RETURN(const ShardIndex index, impl_->indexer.Finish());
  if (index.samples.empty()) return NoUsableSample(index);
  IndexedChunk result;
  result.index.set_chunk_digest(chunk_digest);
  result.index.mutable_samples()->Reserve(
      static_cast<int>(index.samples.size()));
  for (const ShardSample& sample : index.samples) {
    ToProto(sample, result.index.add_samples());
  }
  result.counts = CountsOf(index);
  for (const ShardRejection& rejection : index.rejected) {
    result.rejected.push_back(ToProto(rejection));
  }
  return result;
}

}  // namespace keel
