// A member's line to a coordinator that remembers what it was told.
#ifndef KEEL_TESTS_TESTING_FAKE_TRAIN_CONTEXT_H_
#define KEEL_TESTS_TESTING_FAKE_TRAIN_CONTEXT_H_

#include <atomic>
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "worker/seam/environment.h"

namespace keel::testing {

// Thread-safe.
class FakeTrainContext : public TrainContext {
 public:
  // Files of an upload, by kind and step count.
  using Uploads =
      std::map<std::pair<ArtifactKind, int64_t>, std::vector<LocalFile>>;

  // `scratch` exists and is this member's own; uploads are kept under it.
  FakeTrainContext(RendezvousStore& store, ChunkReader& chunks,
                   std::string scratch);

  RendezvousStore& store() override { return store_; }
  ChunkReader& chunks() override { return chunks_; }
  const std::string& scratch_directory() const override { return scratch_; }
  // True once that many steps were reported here.
  void StopAfter(int64_t steps) { stop_after_ = steps; }
  bool stop_requested() const override;
  void Cancel() { cancelled_ = true; }
  bool cancelled() const override { return cancelled_; }
  void ReportStep(StepReport report) override;
  absl::Status Upload(ArtifactKind kind, int64_t step_count,
                      const std::vector<LocalFile>& files) override;

  std::vector<StepReport> reports() const;
  Uploads uploads() const;

 private:
  RendezvousStore& store_;
  ChunkReader& chunks_;
  const std::string scratch_;
  const std::string kept_;
  std::atomic<int64_t> stop_after_{std::numeric_limits<int64_t>::max()};
  std::atomic<bool> cancelled_{false};

  mutable absl::Mutex mu_;
  std::vector<StepReport> reports_ ABSL_GUARDED_BY(mu_);
  Uploads uploads_ ABSL_GUARDED_BY(mu_);
};

class FakeTaskContext : public TaskContext {
 public:
  explicit FakeTaskContext(ChunkReader& chunks) : chunks_(chunks) {}
  ChunkReader& chunks() override { return chunks_; }
  void Stop() { stopped_ = true; }
  bool stop_requested() const override { return stopped_; }
  bool cancelled() const override { return stopped_; }

 private:
  ChunkReader& chunks_;
  std::atomic<bool> stopped_{false};
};

}  // namespace keel::testing

#endif  // KEEL_TESTS_TESTING_FAKE_TRAIN_CONTEXT_H_
