// The samples that a plan trains, in the order of its ordinals.
#ifndef KEEL_TESTS_COORDINATOR_PLAN_SAMPLES_H_
#define KEEL_TESTS_COORDINATOR_PLAN_SAMPLES_H_

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/core/plan_builder.h"
#include "keel/storage/v1/storage.pb.h"

namespace keel::testing {

// `read` gives a blob by its digest, or nothing; then there are none.
inline std::optional<std::vector<storage::v1::SampleIndex>> SamplesOf(
    const storage::v1::PhasePlan& plan,
    const std::function<std::optional<std::string>(const std::string&)>& read) {
  std::vector<storage::v1::SampleIndex> samples;
  const auto add = [&](const std::string& index_digest, const auto& ordinals) {
    storage::v1::ChunkIndex index;
    const auto bytes = read(index_digest);
    if (!bytes.has_value() || !index.ParseFromString(*bytes)) return false;
    for (int ordinal : ordinals) samples.push_back(index.samples(ordinal));
    return true;
  };
  for (const auto* chunk : PlannedChunks(plan)) {
    if (!add(chunk->index_digest(), TrainedOrdinals(*chunk))) {
      return std::nullopt;
    }
  }
  for (const auto& chunk : plan.replay()) {
    if (!add(chunk.index_digest(), chunk.ordinals())) return std::nullopt;
  }
  return samples;
}

}  // namespace keel::testing

#endif  // KEEL_TESTS_COORDINATOR_PLAN_SAMPLES_H_
