#include "coordinator/services/task_messages.h"

#include <set>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/status_macros.h"
#include "coordinator/core/probe_spacing.h"
#include "coordinator/services/state_views.h"

namespace keel {
namespace {

using storage::v1::TaskRecord;
using Files = google::protobuf::RepeatedPtrField<v1::CheckpointFile>;

absl::StatusOr<const Files*> NeedFiles(const StreamState& stream,
                                       int checkpoint) {
  if (const Files* files = FilesOf(stream, checkpoint)) return files;
  return absl::FailedPreconditionError(
      absl::StrCat("checkpoint ", checkpoint, " is not there"));
}

absl::StatusOr<v1::ProbeSet> ToProbeSet(const StreamState& stream,
                                        const storage::v1::ProbeRecord& probe) {
  v1::ProbeSet set;
  set.set_name(probe.name());
  if (probe.held_out_phase() == 0) {
    set.mutable_index()->set_digest(probe.chunks(0).index_digest());
    set.mutable_index()->set_size_bytes(probe.chunks(0).index_size_bytes());
    return set;
  }
  const auto phase = stream.phases.find(probe.held_out_phase());
  if (phase == stream.phases.end() ||
      phase->second.record.plan_digest().empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the plan behind probe set ", probe.name(), " is not there"));
  }
  set.mutable_plan()->set_digest(phase->second.record.plan_digest());
  set.mutable_plan()->set_size_bytes(phase->second.record.plan_size_bytes());
  return set;
}

// Phases that hold samples out.
std::set<int> HeldOutPhases(const StreamState& stream) {
  std::set<int> all;
  for (const auto& [name, probe] : stream.probes) {
    if (probe.held_out_phase() > 0) all.insert(probe.held_out_phase());
  }
  return all;
}

std::set<int> Spaced(const std::set<int>& all) {
  const std::vector<int> phases(all.begin(), all.end());
  std::set<int> spaced;
  for (int at : SpacedPositions(static_cast<int>(phases.size()))) {
    spaced.insert(phases[at]);
  }
  return spaced;
}

// Those that are measured: all, or what probe.evaluate: spaced leaves.
std::set<int> MeasuredPhases(const StreamState& stream) {
  std::set<int> all = HeldOutPhases(stream);
  const auto& config = stream.record.stream().config().probe();
  return config.evaluate() == v1::ProbeConfig::SPACED ? Spaced(all) : all;
}

// Sets that were submitted are few, and meant to be measured.
bool IsMeasured(const storage::v1::ProbeRecord& probe,
                const std::set<int>& phases) {
  return probe.held_out_phase() == 0 || phases.contains(probe.held_out_phase());
}

bool IsWanted(const StreamState& stream, const TaskRecord& task,
              const std::set<int>& phases,
              const storage::v1::ProbeRecord& probe) {
  if (!IsMeasured(probe, phases)) return false;
  if (task.kind() == TaskRecord::EVALUATE) {
    return !stream.recalls.contains({task.checkpoint(), probe.name()});
  }
  return task.reference() != "origin" ||
         OriginOf(probe) == task.reference_phase();
}

}  // namespace

std::optional<int> OriginOf(const storage::v1::ProbeRecord& probe) {
  if (probe.held_out_phase() > 0) return probe.held_out_phase();
  if (probe.has_submitted_origin()) return probe.submitted_origin();
  return std::nullopt;
}

std::set<int> MeasuredOrigins(const StreamState& stream) {
  const std::set<int> phases = MeasuredPhases(stream);
  std::set<int> origins;
  for (const auto& [name, probe] : stream.probes) {
    const std::optional<int> origin = OriginOf(probe);
    if (origin && IsMeasured(probe, phases)) origins.insert(*origin);
  }
  return origins;
}

std::vector<const storage::v1::ProbeRecord*> ProbesOf(const StreamState& stream,
                                                      const TaskRecord& task) {
  std::vector<const storage::v1::ProbeRecord*> probes;
  const std::set<int> phases = MeasuredPhases(stream);
  for (const auto& [name, probe] : stream.probes) {
    if (IsWanted(stream, task, phases, probe)) probes.push_back(&probe);
  }
  return probes;
}

std::vector<v1::ProbeSet> LiveProbes(const StreamState& stream, int number) {
  std::set<int> phases = HeldOutPhases(stream);
  std::erase_if(phases, [number](int phase) { return phase > number; });
  phases = Spaced(phases);
  std::vector<v1::ProbeSet> sets;
  for (const auto& [name, probe] : stream.probes) {
    if (!IsMeasured(probe, phases)) continue;
    if (auto set = ToProbeSet(stream, probe); set.ok()) {
      sets.push_back(*std::move(set));
    }
  }
  return sets;
}

absl::StatusOr<v1::RunTask> TaskMessage(const StreamState& stream,
                                        const TaskRecord& task,
                                        absl::Duration lease) {
  v1::RunTask message;
  message.set_task_id(task.task_id());
  message.set_stream(task.stream());
  // The checkpoint that is measured: results are filed under it.
  message.set_phase(task.checkpoint());
  *message.mutable_config() = stream.record.stream().config();
  for (const auto* probe : ProbesOf(stream, task)) {
    KEEL_ASSIGN_OR_RETURN(*message.add_probes(), ToProbeSet(stream, *probe));
  }
  message.mutable_lease()->set_seconds(absl::ToInt64Seconds(lease));
  KEEL_ASSIGN_OR_RETURN(const Files* files,
                        NeedFiles(stream, task.checkpoint()));
  if (task.kind() == TaskRecord::EVALUATE) {
    *message.mutable_evaluate()->mutable_files() = *files;
    return message;
  }
  KEEL_ASSIGN_OR_RETURN(const Files* reference,
                        NeedFiles(stream, task.reference_phase()));
  v1::DriftTask& drift = *message.mutable_drift();
  *drift.mutable_files() = *files;
  *drift.mutable_reference_files() = *reference;
  drift.set_reference_phase(task.reference_phase());
  drift.set_reference(task.reference());
  return message;
}

}  // namespace keel
