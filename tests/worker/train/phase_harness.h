// Trains small phases on made-up pictures, with members as threads.
#ifndef KEEL_TESTS_WORKER_TRAIN_PHASE_HARNESS_H_
#define KEEL_TESTS_WORKER_TRAIN_PHASE_HARNESS_H_

#include <memory>
#include <string>
#include <vector>

#include "tests/testing/fake_train_context.h"
#include "tests/worker/data/fake_chunks.h"
#include "worker/model/clip_model.h"
#include "worker/seam/job.h"
#include "worker/train/executor_factory.h"

namespace keel {

// A model of one layer, 30 samples in steps of 10, 7 epochs: 21 steps.
class PhaseHarness {
 public:
  struct Result {
    // By rank.
    std::vector<absl::Status> statuses;
    // Of member 0.
    std::vector<StepReport> reports;
    testing::FakeTrainContext::Uploads uploads;

    // Contents of the uploaded model of that kind and step count.
    std::string Model(ArtifactKind kind, int64_t step_count) const;
    const std::vector<LocalFile>& Files(ArtifactKind kind,
                                        int64_t step_count) const;
    // The same, read.
    ClipModel Weights(ArtifactKind kind, int64_t step_count) const;
  };

  PhaseHarness();
  ~PhaseHarness();

  // Of the total loss of each step, relative.
  static void ExpectLosses(const Result& actual, const Result& expected,
                           double bound);
  // Of a norm over all parameters: |actual - expected| / |expected|.
  static double WeightError(const ClipModel& actual, const ClipModel& expected);

  // Makes the next runs' parent, phase 0, from a short phase of another seed;
  // returns that phase.
  Result TrainParent();
  // Adds a sample whose image does not decode, to those of the last list.
  void AddBrokenSample();
  // From now on `count` of the last planned samples are replayed ones,
  // `per_batch` in each step.
  void Replay(int64_t count, int per_batch);
  // From now on this member's reads fail.
  void FailReads(int rank, absl::Status status);
  // Runs `job` with two members, of which the second hangs in its first read
  // until the first, which is cancelled then, has returned.
  Result RunWithHangingPeer();
  // Runs `job` with that many members. Member 0 is told to stop after
  // `stop_after` steps of this run, -1: never.
  Result Run(int world_size, int64_t stop_after = -1);
  // The same to the end, which every member is expected to reach.
  Result Train(int world_size);

  ChunkReader& chunks() { return chunks_; }

  TrainJob job;
  ExecutorOptions options;
  // Where the members write; NullMetrics at first.
  Metrics* metrics = &no_metrics_;

 private:
  std::string ScratchOf(int rank);
  absl::Status RunMember(int rank, int world_size, TrainContext& context) const;

  NullMetrics no_metrics_;
  const std::string folder_;
  FakeChunks chunks_;
  std::vector<std::unique_ptr<FakeChunks>> failing_;
  int runs_ = 0;
};

}  // namespace keel

#endif  // KEEL_TESTS_WORKER_TRAIN_PHASE_HARNESS_H_
