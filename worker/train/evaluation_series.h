// What a worker measured after a phase, as its metrics.
#ifndef KEEL_WORKER_TRAIN_EVALUATION_SERIES_H_
#define KEEL_WORKER_TRAIN_EVALUATION_SERIES_H_

#include <string>
#include <vector>

#include "common/metrics/registry.h"
#include "worker/seam/job.h"

namespace keel {

// Keeps the series of one checkpoint: the newest that was measured, until the
// worker goes on to something that makes them old. Not thread-safe.
class EvaluationSeries {
 public:
  // `metrics` outlives it.
  explicit EvaluationSeries(Metrics& metrics) : metrics_(metrics) {}

  // Before training: series stay if they are those of the parent.
  void BeginTraining(const std::string& stream, int parent);
  // Before measuring a checkpoint: series stay if they are its own, or of a
  // later one of the stream.
  void BeginMeasuring(const std::string& stream, int phase);

  // Adds results of the checkpoint that was begun, unless a later one is shown.
  void Show(const std::vector<RecallResult>& results);
  void Show(const std::vector<DriftResult>& results);

 private:
  void Drop();

  Metrics& metrics_;
  // What is shown.
  std::string stream_;
  int phase_ = -1;
};

}  // namespace keel

#endif  // KEEL_WORKER_TRAIN_EVALUATION_SERIES_H_
