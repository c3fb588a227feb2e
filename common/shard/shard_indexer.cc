#include "common/shard/shard_indexer.h"

#include <cstdint>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "common/reason.h"
#include "common/status_macros.h"
#include "common/utf8.h"

namespace keel {

ShardIndexer::ShardIndexer(const ShardLimits& limits)
    : limits_(limits), reader_(*this) {}

absl::Status ShardIndexer::Consume(std::string_view data) {
  return reader_.Consume(data);
}

absl::StatusOr<ShardIndex> ShardIndexer::Finish() {
  KEEL_RETURN_IF_ERROR(reader_.Finish());
  KEEL_RETURN_IF_ERROR(FinishSample());
  return std::move(index_);
}

std::vector<ShardSample> ShardIndexer::TakeSamples() {
  return std::exchange(index_.samples, {});
}

absl::Status ShardIndexer::StartEntry(const TarEntry& entry) {
  const EntryPath path = ParseEntryPath(entry.path);
  if (entry.type == TarEntryType::kDirectory ||
      path.role == EntryRole::kIgnored) {
    return absl::OkStatus();
  }
  if (!sample_.has_value() || sample_->key() != path.key) {
    KEEL_RETURN_IF_ERROR(FinishSample());
    StartSample(path.key, entry.offset);
  }
  if (sample_->StartEntry(entry, path)) {
    entry_ = entry;
    role_ = path.role;
    data_.clear();
  }
  return absl::OkStatus();
}

void ShardIndexer::EntryData(std::string_view piece) {
  if (entry_.has_value()) data_ += piece;
}

void ShardIndexer::EndEntry() {
  if (!entry_.has_value()) return;
  sample_->AddData(*entry_, role_, data_);
  entry_.reset();
}

void ShardIndexer::StartSample(const std::string& key, int64_t offset) {
  sample_.emplace(limits_, key);
  const std::string at = absl::StrCat(" at offset ", offset);
  const std::string name = QuotedName(key);
  if (key.size() > kMaxKeyBytes) {
    sample_->Reject(
        shard_reason::kKeyTooLong,
        absl::StrCat("key ", name, "...", at, " has ", key.size(),
                     " bytes; at most ", kMaxKeyBytes, " are allowed"));
  } else if (!IsValidUtf8(key)) {
    sample_->Reject(shard_reason::kKeyNotUtf8,
                    absl::StrCat("key ", name, at, " is not UTF-8"));
  } else if (!keys_.insert(key).second) {
    sample_->Reject(shard_reason::kKeyDuplicate,
                    absl::StrCat("key ", name, at,
                                 " was there before, with other entries in "
                                 "between"));
  }
}

absl::Status ShardIndexer::FinishSample() {
  if (!sample_.has_value()) return absl::OkStatus();
  SampleBuilder::Result result = sample_->Finish();
  sample_.reset();
  if (auto* sample = std::get_if<ShardSample>(&result)) {
    index_.samples.push_back(std::move(*sample));
    ++sample_count_;
  } else {
    KeepRejection(std::get<ShardRejection>(std::move(result)));
  }
  if (sample_count_ + index_.rejected_count <= limits_.max_samples) {
    return absl::OkStatus();
  }
  return WithReason(
      absl::InvalidArgumentError(absl::StrCat("the shard has more than ",
                                              limits_.max_samples, " samples")),
      {std::string(kTooManySamples),
       {{"max_samples", absl::StrCat(limits_.max_samples)}}});
}

void ShardIndexer::KeepRejection(ShardRejection rejection) {
  ++index_.rejected_count;
  ++index_.rejected_by_reason[rejection.reason];
  if (index_.rejected.size() < kMaxRejectionsKept) {
    index_.rejected.push_back(std::move(rejection));
  }
}

}  // namespace keel
