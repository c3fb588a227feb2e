// What the coordinator knows, in memory: the durable records and, beside
// them, what is lost with the process (sessions, leases, progress).
//
// Plain data. Whoever holds a `ClusterState&` got it from Cluster::Lock() and
// so holds the cluster's lock. Durable records change by Cluster::Commit only.
#ifndef KEEL_COORDINATOR_SERVICES_CLUSTER_STATE_H_
#define KEEL_COORDINATOR_SERVICES_CLUSTER_STATE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "coordinator/services/message_sink.h"
#include "coordinator/services/rendezvous.h"
#include "keel/storage/v1/storage.pb.h"

namespace keel {

// The newest group of a phase. generation 0: none.
struct GroupState {
  struct Member {
    int64_t incarnation = 0;
    int rank = 0;
    bool finished = false;
    bool ended = false;
    // Ended because it was told to leave.
    bool stopped = false;
  };

  int64_t generation = 0;
  // By worker id.
  std::map<std::string, Member> members;
  absl::Time form_time;
  absl::Time progress_time;
  bool closed = false;
  std::unique_ptr<Rendezvous> rendezvous;
  // Reported steps that are not durable yet, in order.
  std::vector<storage::v1::StepRecord> pending_steps;
  absl::Time pending_since;
};

struct PhaseState {
  // The newest attempt.
  storage::v1::PhaseRecord record;
  // Generations of that attempt.
  std::map<int64_t, storage::v1::GenerationRecord> generations;
  GroupState group;
  v1::Progress progress;
  double mean_step_seconds = 0;
  // When the group broke that the next one replaces.
  absl::Time break_time = absl::InfinitePast();
};

struct TaskState {
  storage::v1::TaskRecord record;
  // Holder of the lease; empty: none.
  std::string worker_id;
  int64_t worker_incarnation = 0;
  absl::Time lease_end;
  // Since this process started.
  absl::Time retry_time = absl::InfinitePast();
  std::set<std::string> failed_workers;
};

struct StreamState {
  storage::v1::StreamRecord record;
  // By number.
  std::map<int64_t, storage::v1::ChunkRecord> chunks;
  std::map<std::string, int64_t> chunk_numbers;  // by digest
  // Numbers of the chunks that wait for a phase.
  std::set<int64_t> backlog;
  // What a request did (a chunk's digest, a phase's number), by RequestKey.
  std::map<std::string, std::string> requests;
  std::map<int, PhaseState> phases;
  // Numbers of those that are not over: not final, or FAILED, which blocks the
  // stream.
  std::set<int> open_phases;
  std::map<std::string, storage::v1::ProbeRecord> probes;
  std::map<int, v1::Checkpoint> checkpoints;
  // By checkpoint and probe set. Drifts stay in the store (drift_reader.h).
  std::map<std::pair<int, std::string>, v1::Recall> recalls;
  // Requests that wait for a phase of all that is in the backlog.
  std::set<std::string> close_requests;
};

struct WorkerState {
  v1::Worker info;
  int64_t session = 0;
  // Null once the stream broke.
  std::shared_ptr<MessageSink> sink;
  absl::Time attach_time;
  absl::Time heartbeat_time;
  // The incarnation's first attach.
  absl::Time start_time;
  bool draining = false;
  // Gone for good; kept a while for those who list workers.
  bool lost = false;
  int64_t generation = 0;
  std::string stream;
  int phase = 0;
  std::string task_id;
  // A generation that is over, but that it may still be busy with; 0: none.
  int64_t leaving_generation = 0;
  // How often in a row it could not take part in a group, and until when it
  // gets no work for that.
  int unable_count = 0;
  absl::Time rest_end = absl::InfinitePast();

  bool attached() const { return sink != nullptr; }
  bool busy() const {
    return generation != 0 || leaving_generation != 0 || !task_id.empty();
  }
};

struct ClusterState {
  storage::v1::ClusterRecord cluster;
  absl::Time start_time;
  std::map<std::string, StreamState> streams;
  std::map<std::string, storage::v1::UploadRecord> uploads;
  // Tasks of phases that are EVALUATING.
  std::map<std::string, TaskState> tasks;
  std::map<std::string, WorkerState> workers;
  int64_t last_session = 0;
  // Blobs that an upload in progress relies on, with the number of uploads.
  std::map<std::string, int> pinned_blobs;
  bool shutting_down = false;

  // NOT_FOUND names what is missing.
  absl::StatusOr<StreamState*> FindStream(const std::string& name);
  absl::StatusOr<PhaseState*> FindPhase(const std::string& stream, int number);
  // The phase whose newest group is open and has this generation, or null.
  PhaseState* FindGroup(const std::string& stream, int phase,
                        int64_t generation);
  // Queues a message to a worker, if it is attached.
  void Send(const std::string& worker_id, v1::CoordinatorMessage message);
  // Digests of all blobs that a record names, or an upload relies on.
  std::set<std::string> ReferencedBlobs() const;
  // True if it is one of them.
  bool IsReferenced(const std::string& digest) const;
};

}  // namespace keel

#endif  // KEEL_COORDINATOR_SERVICES_CLUSTER_STATE_H_
