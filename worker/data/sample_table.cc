#include "worker/data/sample_table.h"

#include <algorithm>

namespace keel {

SampleTable::SampleTable(const std::vector<SampleList>& lists) : lists_(lists) {
  int64_t end = 0;
  for (const SampleList& list : lists_) {
    end += static_cast<int64_t>(list.samples.size());
    ends_.push_back(end);
  }
}

SamplePlace SampleTable::at(int64_t ordinal) const {
  const auto end = std::upper_bound(ends_.begin(), ends_.end(), ordinal);
  const auto index = static_cast<size_t>(end - ends_.begin());
  const SampleList& list = lists_[index];
  const int64_t begin = *end - static_cast<int64_t>(list.samples.size());
  return {&list.chunk_digest,
          &list.samples[static_cast<size_t>(ordinal - begin)]};
}

}  // namespace keel
