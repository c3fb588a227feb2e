// Which samples each step of a phase trains: pure functions of the plan's
// numbers, the same on every machine and for every number of workers
// (docs/design.md, "The plan"). Thread-safe.
#ifndef KEEL_COMMON_PLAN_PHASE_SCHEDULE_H_
#define KEEL_COMMON_PLAN_PHASE_SCHEDULE_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"

namespace keel {

// A run of positions, [begin, end).
struct Slice {
  int64_t begin = 0;
  int64_t end = 0;
  int64_t size() const { return end - begin; }
};

// Part `index` of `count` contiguous, near-equal parts of [0, total): sizes
// differ by at most one, the larger ones first.
Slice NearEqualPart(int64_t total, int64_t index, int64_t count);

class PhaseSchedule {
 public:
  struct Options {
    int64_t seed = 0;
    int phase = 0;
    // Planned samples, M.
    int64_t sample_count = 0;
    int64_t global_batch = 0;
    int epochs = 0;
    // Leaves the samples out that do not fill a batch, in every epoch others.
    bool drop_last = false;
    // Samples of earlier phases, with the ordinals from M on, and how many of
    // them each step trains beside its planned ones; at most all of them.
    int64_t replay_count = 0;
    int64_t replay_per_batch = 0;
  };

  // INVALID_ARGUMENT: a count that is not positive (of replay: negative), or
  // drop_last with fewer samples than a batch.
  static absl::StatusOr<PhaseSchedule> Create(const Options& options);

  const Options& options() const { return options_; }
  // Steps of one epoch, and of the phase.
  int64_t steps_per_epoch() const { return steps_per_epoch_; }
  int64_t step_count() const { return steps_per_epoch_ * options_.epochs; }
  // Rows of the smallest step: the most workers that the phase can use.
  int64_t smallest_step() const;

  int EpochOfStep(int64_t step) const;
  // Replayed samples in each step.
  int64_t replay_per_step() const { return replay_per_step_; }

  // Ordinals of the samples of `step`, in the order of the batch's rows: the
  // planned ones, in [0, sample_count), then the replayed ones. No sample is
  // there twice. `step` counts over the whole phase.
  std::vector<int64_t> SamplesOfStep(int64_t step) const;
  // Which of `caption_count` captions a sample has in an epoch.
  int CaptionOf(int epoch, int64_t sample, int caption_count) const;

 private:
  explicit PhaseSchedule(const Options& options);
  void AddPlanned(int64_t step, std::vector<int64_t>& samples) const;
  void AddReplayed(int64_t step, std::vector<int64_t>& samples) const;
  // Key of the order of an epoch or of a lap, by its number.
  uint64_t OrderKey(uint64_t purpose, int64_t number) const;

  Options options_;
  int64_t steps_per_epoch_;
  // Samples of an epoch: M, or less with drop_last.
  int64_t epoch_samples_;
  int64_t replay_per_step_;
};

}  // namespace keel

#endif  // KEEL_COMMON_PLAN_PHASE_SCHEDULE_H_
