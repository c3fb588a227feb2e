// Machine-readable reasons on statuses, such as "REQUEST_ID_REUSED" with
// {"stream": "a"}. The gRPC edge sends them along (common/grpc/status.h).
#ifndef KEEL_COMMON_REASON_H_
#define KEEL_COMMON_REASON_H_

#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace keel {

struct Reason {
  std::string reason;
  std::map<std::string, std::string> metadata;
};

// `status` with the reason attached; `status` is not OK.
absl::Status WithReason(absl::Status status, Reason reason);
// The reason of `status`; its `reason` is empty if it has none.
Reason ReasonOf(const absl::Status& status);

}  // namespace keel

#endif  // KEEL_COMMON_REASON_H_
