// What a worker measured after a phase, as its metrics.
#ifndef KEEL_WORKER_TRAIN_EVALUATION_METRICS_H_
#define KEEL_WORKER_TRAIN_EVALUATION_METRICS_H_

#include <string>
#include <vector>

#include "common/metrics/registry.h"
#include "worker/seam/job.h"

namespace keel {

// Each takes the place of what the stream's earlier phases left there.
void ExportRecall(const std::string& stream,
                  const std::vector<RecallResult>& results, Metrics& metrics);
void ExportDrift(const std::string& stream,
                 const std::vector<DriftResult>& results, Metrics& metrics);

}  // namespace keel

#endif  // KEEL_WORKER_TRAIN_EVALUATION_METRICS_H_
