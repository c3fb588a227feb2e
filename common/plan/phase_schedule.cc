#include "common/plan/phase_schedule.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/plan/mix.h"
#include "common/plan/permutation.h"

namespace keel {
namespace {

// What a key is for, so that no two uses share one.
enum Purpose : uint64_t { kOrder = 1, kCaption = 2, kReplayOrder = 6 };

}  // namespace

Slice NearEqualPart(int64_t total, int64_t index, int64_t count) {
  const int64_t base = total / count;
  const int64_t larger = total % count;
  const int64_t begin = index * base + std::min(index, larger);
  return {begin, begin + base + (index < larger ? 1 : 0)};
}

absl::StatusOr<PhaseSchedule> PhaseSchedule::Create(const Options& options) {
  if (options.sample_count <= 0 || options.global_batch <= 0 ||
      options.epochs <= 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a phase needs samples, a batch and epochs, got ", options.sample_count,
        ", ", options.global_batch, " and ", options.epochs));
  }
  if (options.drop_last && options.sample_count < options.global_batch) {
    return absl::InvalidArgumentError(absl::StrCat(
        "drop_last with ", options.sample_count,
        " samples leaves nothing of a batch of ", options.global_batch));
  }
  if (options.replay_count < 0 || options.replay_per_batch < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("replay cannot be negative, got ", options.replay_count,
                     " samples and ", options.replay_per_batch, " in a batch"));
  }
  return PhaseSchedule(options);
}

PhaseSchedule::PhaseSchedule(const Options& options) : options_(options) {
  const int64_t m = options.sample_count;
  const int64_t b = options.global_batch;
  steps_per_epoch_ = options.drop_last ? m / b : (m + b - 1) / b;
  epoch_samples_ = options.drop_last ? steps_per_epoch_ * b : m;
  replay_per_step_ = std::min(options.replay_per_batch, options.replay_count);
}

int64_t PhaseSchedule::smallest_step() const {
  return epoch_samples_ / steps_per_epoch_ + replay_per_step_;
}

int PhaseSchedule::EpochOfStep(int64_t step) const {
  return static_cast<int>(step / steps_per_epoch_);
}

std::vector<int64_t> PhaseSchedule::SamplesOfStep(int64_t step) const {
  std::vector<int64_t> samples;
  AddPlanned(step, samples);
  if (replay_per_step_ > 0) AddReplayed(step, samples);
  return samples;
}

void PhaseSchedule::AddPlanned(int64_t step,
                               std::vector<int64_t>& samples) const {
  const Slice slice =
      NearEqualPart(epoch_samples_, step % steps_per_epoch_, steps_per_epoch_);
  const Permutation order(OrderKey(kOrder, EpochOfStep(step)),
                          options_.sample_count);
  samples.reserve(slice.size() + replay_per_step_);
  for (int64_t position = slice.begin; position < slice.end; ++position) {
    samples.push_back(order(position));
  }
}

// A lap ends before a step that it could not fill, so that no sample meets
// itself in a batch.
void PhaseSchedule::AddReplayed(int64_t step,
                                std::vector<int64_t>& samples) const {
  const int64_t steps_per_lap = options_.replay_count / replay_per_step_;
  const int64_t begin = step % steps_per_lap * replay_per_step_;
  const Permutation order(OrderKey(kReplayOrder, step / steps_per_lap),
                          options_.replay_count);
  for (int64_t i = 0; i < replay_per_step_; ++i) {
    samples.push_back(options_.sample_count + order(begin + i));
  }
}

uint64_t PhaseSchedule::OrderKey(uint64_t purpose, int64_t number) const {
  return MixKey({purpose, static_cast<uint64_t>(options_.seed),
                 static_cast<uint64_t>(options_.phase),
                 static_cast<uint64_t>(number)});
}

int PhaseSchedule::CaptionOf(int epoch, int64_t sample,
                             int caption_count) const {
  const uint64_t draw =
      MixKey({kCaption, static_cast<uint64_t>(options_.seed),
              static_cast<uint64_t>(epoch), static_cast<uint64_t>(sample)});
  return static_cast<int>(draw % static_cast<uint64_t>(caption_count));
}

}  // namespace keel
