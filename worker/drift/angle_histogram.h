// Collects angles one batch at a time and describes their distribution.
//
// Memory does not grow with the number of angles: they are counted in bins of
// 1e-4 degrees. Not thread-safe.
#ifndef KEEL_WORKER_DRIFT_ANGLE_HISTOGRAM_H_
#define KEEL_WORKER_DRIFT_ANGLE_HISTOGRAM_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

#include "worker/seam/job.h"

namespace keel {

class AngleHistogram {
 public:
  AngleHistogram();
  // `degrees`: float64 on the CPU, any shape, 0 to 180, finite.
  void Add(const at::Tensor& degrees);
  // Mean and maximum are exact. Percentile q is the smallest angle that at
  // least q of all do not exceed, within 1e-4 degrees. All zero if nothing
  // was added.
  AngleDistribution Describe() const;

 private:
  double Percentile(double share) const;

  std::vector<int64_t> bins_;
  int64_t count_ = 0;
  double sum_ = 0;
  double max_ = 0;
};

}  // namespace keel

#endif  // KEEL_WORKER_DRIFT_ANGLE_HISTOGRAM_H_
