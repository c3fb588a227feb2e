#include "worker/train/struck_limit.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/reason.h"

namespace keel {
namespace {

// Samples that the message names.
constexpr size_t kNamed = 5;

}  // namespace

StruckLimit::StruckLimit(double max_fraction, int64_t sample_count)
    : max_fraction_(max_fraction), sample_count_(sample_count) {}

absl::Status StruckLimit::Count(int epoch,
                                const std::vector<StruckSample>& struck) {
  if (epoch != epoch_) {
    epoch_ = epoch;
    struck_.clear();
    first_.clear();
  }
  for (const StruckSample& sample : struck) {
    const bool is_new = struck_.insert(sample.sample).second;
    if (is_new && first_.size() < kNamed) first_.push_back(sample);
  }
  if (static_cast<double>(struck_.size()) <=
      max_fraction_ * static_cast<double>(sample_count_)) {
    return absl::OkStatus();
  }
  const auto format = [](std::string* out, const StruckSample& sample) {
    absl::StrAppend(out, sample.sample, " (", sample.reason, ")");
  };
  return WithReason(
      absl::FailedPreconditionError(absl::StrCat(
          struck_.size(), " of ", sample_count_, " samples of epoch ", epoch,
          " could not be decoded, more than the limit of ", max_fraction_ * 100,
          " %: samples ", absl::StrJoin(first_, ", ", format))),
      {"TOO_MANY_STRUCK", {{"struck", absl::StrCat(struck_.size())}}});
}

}  // namespace keel
