#include "coordinator/services/state_loader.h"

#include <functional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/ids.h"
#include "common/status_macros.h"
#include "coordinator/core/lifecycle.h"
#include "coordinator/services/edit.h"
#include "coordinator/store/crash_point.h"
#include "coordinator/store/table_names.h"

namespace keel {
namespace {

// Of what the tables mean; grows when an older Keel could not read them.
constexpr int kSchema = 1;

template <typename Record>
absl::Status LoadTable(
    Store& store, std::string_view table,
    const std::function<void(const std::string& key, Record record)>& take) {
  KEEL_ASSIGN_OR_RETURN(auto pairs, store.Scan(table, ""));
  for (const auto& [key, value] : pairs) {
    Record record;
    if (!record.ParseFromString(value)) {
      return absl::DataLossError(absl::StrCat(
          "record ", key, " of table ", std::string(table), " is damaged"));
    }
    take(key, std::move(record));
  }
  return absl::OkStatus();
}

std::string StreamOfKey(const std::string& key) {
  return std::vector<std::string>(absl::StrSplit(key, '/')).front();
}

absl::Status LoadCluster(Store& store, ClusterState& state) {
  auto stored = store.Get(table::kCluster, kClusterKey);
  if (absl::IsNotFound(stored.status())) {
    state.cluster.set_cluster_id(RandomId());
    state.cluster.set_schema(kSchema);
    WriteBatch batch;
    batch.Put(table::kCluster, kClusterKey, state.cluster.SerializeAsString());
    ReachCommit(durable::kNewCluster, "before");
    KEEL_RETURN_IF_ERROR(store.Commit(batch));
    ReachCommit(durable::kNewCluster, "after");
    return absl::OkStatus();
  }
  KEEL_RETURN_IF_ERROR(stored.status());
  if (!state.cluster.ParseFromString(*stored)) {
    return absl::DataLossError("the cluster's record is damaged");
  }
  if (state.cluster.schema() > kSchema) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the state was written by a newer Keel (schema ",
        state.cluster.schema(), ", this one knows ", kSchema, ")"));
  }
  return absl::OkStatus();
}

absl::Status LoadStreams(Store& store, ClusterState& state) {
  using namespace storage::v1;
  KEEL_RETURN_IF_ERROR(LoadTable<StreamRecord>(
      store, table::kStreams, [&](const auto& key, auto record) {
        state.streams[key].record = std::move(record);
      }));
  KEEL_RETURN_IF_ERROR(LoadTable<UploadRecord>(
      store, table::kUploads, [&](const auto& key, auto record) {
        state.uploads[key] = std::move(record);
      }));
  KEEL_RETURN_IF_ERROR(LoadTable<ChunkRecord>(
      store, table::kChunks,
      [&](const auto&, auto record) { InstallChunk(state, record); }));
  KEEL_ASSIGN_OR_RETURN(auto requests, store.Scan(table::kRequests, ""));
  for (auto& [key, effect] : requests) {
    state.streams[StreamOfKey(key)].requests[key] = std::move(effect);
  }
  return LoadTable<ProbeRecord>(
      store, table::kProbes, [&](const auto&, auto record) {
        state.streams[record.stream()].probes[record.name()] = record;
      });
}

absl::Status LoadPhases(Store& store, ClusterState& state) {
  using namespace storage::v1;
  // Attempts come in order of their numbers: the newest one stays.
  KEEL_RETURN_IF_ERROR(LoadTable<PhaseRecord>(
      store, table::kPhases,
      [&](const auto&, auto record) { InstallPhase(state, record); }));
  return LoadTable<GenerationRecord>(
      store, table::kGenerations, [&](const auto&, auto record) {
        PhaseState& phase =
            state.streams[record.stream()].phases[record.phase()];
        if (phase.record.phase().attempt() == record.attempt()) {
          phase.generations[record.generation()] = record;
        }
      });
}

absl::Status LoadResults(Store& store, ClusterState& state) {
  KEEL_RETURN_IF_ERROR(LoadTable<v1::Checkpoint>(
      store, table::kCheckpoints, [&](const auto&, auto record) {
        state.streams[record.stream()].checkpoints[record.phase()] = record;
      }));
  KEEL_RETURN_IF_ERROR(LoadTable<v1::Recall>(
      store, table::kRecalls, [&](const auto& key, auto record) {
        state.streams[StreamOfKey(key)]
            .recalls[{record.phase(), record.probe()}] = record;
      }));
  return LoadTable<storage::v1::TaskRecord>(
      store, table::kTasks, [&](const auto& key, auto record) {
        state.tasks[key].record = std::move(record);
      });
}

// Sets up the group of the newest generation as it was.
void RestoreGroup(PhaseState& phase, absl::Time now) {
  if (phase.generations.empty()) return;
  const storage::v1::GenerationRecord& newest =
      phase.generations.rbegin()->second;
  phase.record.mutable_phase()->set_committed_step_count(
      newest.committed_step_count());
  phase.progress.set_step(newest.committed_step_count());
  GroupState& group = phase.group;
  group.generation = newest.generation();
  group.closed = newest.closed();
  // Before this process started: the planner waits for the members.
  group.form_time = now - absl::Seconds(1);
  group.progress_time = now;
  group.rendezvous = std::make_unique<Rendezvous>(newest.generation());
  group.rendezvous->Close("the coordinator was restarted");
  for (const auto& member : newest.members()) {
    group.members[member.worker_id()] = {member.incarnation(), member.rank()};
  }
}

}  // namespace

absl::Status LoadState(Store& store, absl::Time now, ClusterState& state) {
  state.start_time = now;
  KEEL_RETURN_IF_ERROR(LoadCluster(store, state));
  KEEL_RETURN_IF_ERROR(LoadStreams(store, state));
  KEEL_RETURN_IF_ERROR(LoadPhases(store, state));
  KEEL_RETURN_IF_ERROR(LoadResults(store, state));
  for (auto& [name, stream] : state.streams) {
    for (auto& [number, phase] : stream.phases) {
      RestoreGroup(phase, now);
      phase.record.mutable_phase()->set_revision(
          NextRevision(phase.record.phase().revision(), now));
    }
  }
  return absl::OkStatus();
}

}  // namespace keel
