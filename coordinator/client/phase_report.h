// A phase in one line: for a live display, and for logs.
#ifndef KEEL_COORDINATOR_CLIENT_PHASE_REPORT_H_
#define KEEL_COORDINATOR_CLIENT_PHASE_REPORT_H_

#include <string>

#include "absl/time/time.h"
#include "keel/v1/phase.pb.h"

namespace keel {

// "animals@2 TRAINING 120/320 [####----] 812 samples/s, loss 3.21 (contrastive
// 3.10, distill 0.11), rows kept 61 %, lr 4.8e-04, 0:45 left"; without the bar
// if `bar` is false. What is not known is left out; fewer than 10 % of rows
// kept are marked with "(few)". Pure.
std::string PhaseLine(const v1::Phase& phase, bool bar);

// Decides which changes a log shows: each change of the state, and progress at
// most every two seconds. Pure in the times it is given; not thread-safe.
class ReportThinner {
 public:
  bool ShouldShow(const v1::Phase& phase, absl::Time now);

 private:
  int number_ = -1;
  int attempt_ = -1;
  v1::Phase::State state_ = v1::Phase::STATE_UNSPECIFIED;
  absl::Time last_ = absl::InfinitePast();
};

}  // namespace keel

#endif  // KEEL_COORDINATOR_CLIENT_PHASE_REPORT_H_
