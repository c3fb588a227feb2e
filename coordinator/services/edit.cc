#include "coordinator/services/edit.h"

#include <algorithm>
#include <utility>

#include "coordinator/core/lifecycle.h"
#include "coordinator/store/table_names.h"

namespace keel {

void InstallPhase(ClusterState& state, const storage::v1::PhaseRecord& record) {
  const v1::Phase& shown = record.phase();
  StreamState& stream = state.streams[shown.stream()];
  PhaseState& phase = stream.phases[shown.number()];
  if (phase.record.has_phase() &&
      phase.record.phase().attempt() != shown.attempt()) {
    phase = PhaseState();
  }
  phase.record = record;
  if (IsFinal(shown.state()) && shown.state() != v1::Phase::FAILED) {
    stream.open_phases.erase(shown.number());
  } else {
    stream.open_phases.insert(shown.number());
  }
}

void InstallChunk(ClusterState& state, const storage::v1::ChunkRecord& record) {
  const v1::Chunk& chunk = record.chunk();
  StreamState& stream = state.streams[chunk.stream()];
  stream.chunks[chunk.number()] = record;
  stream.chunk_numbers[chunk.digest()] = chunk.number();
  if (chunk.phase() == 0 && !chunk.probe_only()) {
    stream.backlog.insert(chunk.number());
  } else {
    stream.backlog.erase(chunk.number());
  }
}

int64_t NextRevision(int64_t previous, absl::Time now) {
  return std::max(previous + 1, absl::ToUnixMicros(now));
}

void Edit::PutCluster(storage::v1::ClusterRecord record) {
  batch_.Put(table::kCluster, kClusterKey, record.SerializeAsString());
  effects_.push_back([record](ClusterState& state) { state.cluster = record; });
}

void Edit::PutUpload(storage::v1::UploadRecord record) {
  batch_.Put(table::kUploads, record.id(), record.SerializeAsString());
  effects_.push_back(
      [record](ClusterState& state) { state.uploads[record.id()] = record; });
}

void Edit::EraseUpload(const std::string& id) {
  batch_.Erase(table::kUploads, id);
  effects_.push_back([id](ClusterState& state) { state.uploads.erase(id); });
}

void Edit::PutStream(storage::v1::StreamRecord record) {
  batch_.Put(table::kStreams, record.stream().name(),
             record.SerializeAsString());
  effects_.push_back([record](ClusterState& state) {
    state.streams[record.stream().name()].record = record;
  });
}

void Edit::PutChunk(storage::v1::ChunkRecord record) {
  const v1::Chunk& chunk = record.chunk();
  batch_.Put(table::kChunks, ChunkKey(chunk.stream(), chunk.digest()),
             record.SerializeAsString());
  effects_.push_back(
      [record](ClusterState& state) { InstallChunk(state, record); });
}

void Edit::PutRequest(const std::string& stream, const std::string& request_id,
                      const std::string& effect) {
  const std::string key = RequestKey(stream, request_id);
  batch_.Put(table::kRequests, key, effect);
  effects_.push_back([stream, key, effect](ClusterState& state) {
    state.streams[stream].requests[key] = effect;
  });
}

void Edit::PutProbe(storage::v1::ProbeRecord record) {
  batch_.Put(table::kProbes, ProbeKey(record.stream(), record.name()),
             record.SerializeAsString());
  effects_.push_back([record](ClusterState& state) {
    state.streams[record.stream()].probes[record.name()] = record;
  });
}

void Edit::PutPhase(storage::v1::PhaseRecord record) {
  v1::Phase& shown = *record.mutable_phase();
  shown.set_revision(NextRevision(shown.revision(), now_));
  batch_.Put(table::kPhases,
             PhaseKey(shown.stream(), shown.number(), shown.attempt()),
             record.SerializeAsString());
  effects_.push_back(
      [record](ClusterState& state) { InstallPhase(state, record); });
}

void Edit::PutGeneration(storage::v1::GenerationRecord record) {
  batch_.Put(table::kGenerations, GenerationKey(record.generation()),
             record.SerializeAsString());
  effects_.push_back([record](ClusterState& state) {
    state.streams[record.stream()]
        .phases[record.phase()]
        .generations[record.generation()] = record;
  });
}

void Edit::PutStep(const storage::v1::StepRecord& record) {
  batch_.Put(table::kSteps, StepKey(record.generation(), record.step()),
             record.SerializeAsString());
}

void Edit::PutTask(storage::v1::TaskRecord record) {
  batch_.Put(table::kTasks, record.task_id(), record.SerializeAsString());
  effects_.push_back([record](ClusterState& state) {
    state.tasks[record.task_id()].record = record;
  });
}

void Edit::EraseTask(const std::string& task_id) {
  batch_.Erase(table::kTasks, task_id);
  effects_.push_back(
      [task_id](ClusterState& state) { state.tasks.erase(task_id); });
}

void Edit::PutCheckpoint(v1::Checkpoint checkpoint) {
  batch_.Put(table::kCheckpoints,
             CheckpointKey(checkpoint.stream(), checkpoint.phase()),
             checkpoint.SerializeAsString());
  effects_.push_back([checkpoint](ClusterState& state) {
    state.streams[checkpoint.stream()].checkpoints[checkpoint.phase()] =
        checkpoint;
  });
}

void Edit::PutRecall(const std::string& stream, v1::Recall recall) {
  batch_.Put(table::kRecalls, RecallKey(stream, recall.phase(), recall.probe()),
             recall.SerializeAsString());
  effects_.push_back([stream, recall](ClusterState& state) {
    state.streams[stream].recalls[{recall.phase(), recall.probe()}] = recall;
  });
}

void Edit::PutDrift(const std::string& stream, const v1::Drift& drift) {
  batch_.Put(table::kDrifts,
             DriftKey(stream, drift.phase(), drift.probe(), drift.reference()),
             drift.SerializeAsString());
}

void Edit::EraseRecall(const std::string& stream, const v1::Recall& recall) {
  batch_.Erase(table::kRecalls,
               RecallKey(stream, recall.phase(), recall.probe()));
  effects_.push_back([stream, recall](ClusterState& state) {
    state.streams[stream].recalls.erase({recall.phase(), recall.probe()});
  });
}

void Edit::EraseDrift(const std::string& stream, const v1::Drift& drift) {
  batch_.Erase(table::kDrifts, DriftKey(stream, drift.phase(), drift.probe(),
                                        drift.reference()));
}

}  // namespace keel
