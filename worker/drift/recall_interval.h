// How sure a recall is.
#ifndef KEEL_WORKER_DRIFT_RECALL_INTERVAL_H_
#define KEEL_WORKER_DRIFT_RECALL_INTERVAL_H_

#include <cstdint>
#include <vector>

namespace keel {

// What one image and its captions found.
struct ImageHits {
  bool image = false;
  int64_t captions_hit = 0;
  int64_t captions = 1;
};

struct RecallInterval {
  double low = 0;
  double high = 0;
};

// The percentile bootstrap's 95 % interval (Efron 1979) of the mean of both
// directions' recall: 1,000 draws of as many images, each with its captions.
// The same seed gives the same interval. Pure; not empty.
RecallInterval BootstrapRecall(const std::vector<ImageHits>& images,
                               int64_t seed);

}  // namespace keel

#endif  // KEEL_WORKER_DRIFT_RECALL_INTERVAL_H_
