// Which bytes a requested row is read from.
#ifndef KEEL_WORKER_DATA_SAMPLE_LOOKUP_H_
#define KEEL_WORKER_DATA_SAMPLE_LOOKUP_H_

#include "absl/status/statusor.h"
#include "worker/data/sample_loader.h"
#include "worker/data/sample_table.h"

namespace keel {

struct RowSource {
  SamplePlace place;
  const CaptionRef* caption = nullptr;
};

// INVALID_ARGUMENT: no such sample or caption. Built with
// KEEL_TEST_LOADER_OFF_BY_ONE it gives the next sample instead: the error that
// the accounting must catch.
absl::StatusOr<RowSource> LookUpRow(const SampleTable& table,
                                    const RowRequest& request);

}  // namespace keel

#endif  // KEEL_WORKER_DATA_SAMPLE_LOOKUP_H_
