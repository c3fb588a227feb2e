// Samples by ordinal: the lists of a job, counted through.
#ifndef KEEL_WORKER_DATA_SAMPLE_TABLE_H_
#define KEEL_WORKER_DATA_SAMPLE_TABLE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "worker/seam/job.h"

namespace keel {

// A sample and the chunk that it stands in.
struct SamplePlace {
  const std::string* chunk_digest = nullptr;
  const SampleRef* sample = nullptr;
};

// Immutable, so thread-safe.
class SampleTable {
 public:
  // `lists` outlives the table.
  explicit SampleTable(const std::vector<SampleList>& lists);

  int64_t count() const { return ends_.empty() ? 0 : ends_.back(); }
  // `ordinal` is from 0 to below count().
  SamplePlace at(int64_t ordinal) const;

 private:
  const std::vector<SampleList>& lists_;
  // Ordinal behind each list's last sample.
  std::vector<int64_t> ends_;
};

}  // namespace keel

#endif  // KEEL_WORKER_DATA_SAMPLE_TABLE_H_
