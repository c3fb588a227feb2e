// Indexes and checks a WebDataset shard while its bytes stream in.
//
// A sample is the run of neighbouring entries that share a key: one image and
// its captions (.txt: one; .json: "caption", a string, and "captions", a
// list). Equal captions of a sample count once; blank ones are skipped as
// long as another is left. Other entries are ignored and end no run. A bad
// sample is left out by reason (shard_types.h) and costs no other sample.
#ifndef KEEL_COMMON_SHARD_SHARD_INDEXER_H_
#define KEEL_COMMON_SHARD_SHARD_INDEXER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/shard/entry_path.h"
#include "common/shard/sample_builder.h"
#include "common/shard/shard_types.h"
#include "common/shard/tar_reader.h"

namespace keel {

// Reason (common/reason.h) of a shard with more than max_samples.
inline constexpr std::string_view kTooManySamples = "TOO_MANY_SAMPLES";
// Longest key in bytes; of longer ones nothing is kept.
inline constexpr int kMaxKeyBytes = 512;
// Rejections whose message is kept; all are counted.
inline constexpr int kMaxRejectionsKept = 100;

// Not thread-safe. Memory: the largest entry that the limits allow, and the
// index.
class ShardIndexer : private TarSink {
 public:
  explicit ShardIndexer(const ShardLimits& limits);
  ShardIndexer(const ShardIndexer&) = delete;
  ShardIndexer& operator=(const ShardIndexer&) = delete;

  // Takes the next bytes of the tar, of any length. An error is final.
  // INVALID_ARGUMENT with reason TAR_MALFORMED (tar_reader.h) or
  // TOO_MANY_SAMPLES.
  absl::Status Consume(std::string_view data);
  // The samples that were finished since the last call, which saves whoever
  // keeps them in another form a second copy of them all.
  std::vector<ShardSample> TakeSamples();
  // The index of the whole shard, without the samples that were taken; it may
  // be without a usable sample. Call it once. INVALID_ARGUMENT with reason
  // TAR_TRUNCATED, or as Consume.
  absl::StatusOr<ShardIndex> Finish();

 private:
  absl::Status StartEntry(const TarEntry& entry) override;
  void EntryData(std::string_view piece) override;
  void EndEntry() override;
  // `offset`: of the first entry's data, for messages.
  void StartSample(const std::string& key, int64_t offset);
  absl::Status FinishSample();
  void KeepRejection(ShardRejection rejection);

  const ShardLimits limits_;
  TarReader reader_;
  ShardIndex index_;
  // Also those that were taken.
  int64_t sample_count_ = 0;
  absl::flat_hash_set<std::string> keys_;
  std::optional<SampleBuilder> sample_;
  // The entry whose data are collected, if any.
  std::optional<TarEntry> entry_;
  EntryRole role_ = EntryRole::kIgnored;
  std::string data_;
};

}  // namespace keel

#endif  // KEEL_COMMON_SHARD_SHARD_INDEXER_H_
