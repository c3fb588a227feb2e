#include <string>

#include "absl/strings/str_cat.h"
#include "coordinator/core/planner_parts.h"

namespace keel {
namespace {

CreatePhase PhaseOfAll(const StreamView& stream, std::string reason) {
  CreatePhase action{stream.name, {}, std::move(reason)};
  for (const ChunkView& chunk : stream.backlog) {
    action.chunk_digests.push_back(chunk.digest);
  }
  return action;
}

absl::Duration MaxWait(const v1::PhaseConfig& config) {
  return absl::Seconds(config.max_wait().seconds()) +
         absl::Nanoseconds(config.max_wait().nanos());
}

// Why all that waits becomes a phase now; empty: it goes on waiting.
std::string ReasonForMinSamples(const StreamView& stream, absl::Time now) {
  const v1::PhaseConfig& config = stream.config.phase();
  int64_t samples = 0;
  for (const ChunkView& chunk : stream.backlog) samples += chunk.accepted_count;
  if (samples >= config.min_samples()) {
    return absl::StrCat(samples, " samples wait");
  }
  if (config.has_max_wait() &&
      now >= stream.backlog.front().accept_time + MaxWait(config)) {
    return absl::StrCat("the first chunk waited for ",
                        absl::FormatDuration(MaxWait(config)));
  }
  return "";
}

void CreatePhasesOf(Planning& planning, const StreamView& stream) {
  if (stream.backlog.empty()) return;
  if (stream.close_requested) {
    planning.actions.push_back(PhaseOfAll(stream, "close was requested"));
    return;
  }
  switch (stream.config.phase().policy()) {
    case v1::PhaseConfig::EACH_CHUNK:
      for (const ChunkView& chunk : stream.backlog) {
        planning.actions.push_back(
            CreatePhase{stream.name, {chunk.digest}, "each chunk is a phase"});
      }
      return;
    case v1::PhaseConfig::MIN_SAMPLES:
      if (std::string reason = ReasonForMinSamples(stream, planning.now);
          !reason.empty()) {
        planning.actions.push_back(PhaseOfAll(stream, std::move(reason)));
      }
      return;
    default:
      return;
  }
}

}  // namespace

void CreatePhases(Planning& planning) {
  for (const StreamView* stream : ByPriority(planning.view)) {
    CreatePhasesOf(planning, *stream);
  }
}

}  // namespace keel
