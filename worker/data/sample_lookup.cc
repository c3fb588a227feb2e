#include "worker/data/sample_lookup.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace keel {
namespace {

#ifdef KEEL_TEST_LOADER_OFF_BY_ONE
SamplePlace PlaceOf(const SampleTable& table, int64_t ordinal) {
  return table.at((ordinal + 1) % table.count());
}
#else
SamplePlace PlaceOf(const SampleTable& table, int64_t ordinal) {
  return table.at(ordinal);
}
#endif

}  // namespace

absl::StatusOr<RowSource> LookUpRow(const SampleTable& table,
                                    const RowRequest& request) {
  if (request.sample < 0 || request.sample >= table.count()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "sample ", request.sample, " is asked for; there are ", table.count()));
  }
  const SamplePlace place = PlaceOf(table, request.sample);
  const auto& captions = place.sample->captions;
  if (request.caption < 0 ||
      request.caption >= static_cast<int>(captions.size())) {
    return absl::InvalidArgumentError(absl::StrCat(
        "caption ", request.caption, " of sample ", place.sample->key,
        " is asked for; there are ", captions.size()));
  }
  return RowSource{place, &captions[static_cast<size_t>(request.caption)]};
}

}  // namespace keel
