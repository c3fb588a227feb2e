// Reads measures of drift. The store alone holds them: they are large, and
// their number grows with the square of a stream's length. Thread-safe.
#ifndef KEEL_COORDINATOR_SERVICES_DRIFT_READER_H_
#define KEEL_COORDINATOR_SERVICES_DRIFT_READER_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/store/store.h"
#include "keel/v1/phase.pb.h"

namespace keel {

// Those of one checkpoint. DATA_LOSS: a record is damaged.
absl::StatusOr<std::vector<v1::Drift>> ReadDrifts(Store& store,
                                                  const std::string& stream,
                                                  int phase);

// A page of a stream's, in order of phase, probe and reference. Errors as
// above and as ParsePage.
absl::Status ReadDriftPage(Store& store, const v1::ListDriftsRequest& request,
                           v1::ListDriftsResponse* response);

}  // namespace keel

#endif  // KEEL_COORDINATOR_SERVICES_DRIFT_READER_H_
