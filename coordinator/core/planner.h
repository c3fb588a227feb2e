// Decides what the coordinator does next: a pure function of what is and of
// the time. The caller executes the actions, makes their effects durable, and
// asks again; asking twice about the same view gives the same answer.
#ifndef KEEL_COORDINATOR_CORE_PLANNER_H_
#define KEEL_COORDINATOR_CORE_PLANNER_H_

#include <cstdint>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "keel/v1/phase.pb.h"
#include "keel/v1/stream.pb.h"

namespace keel {

struct PlannerOptions {
  // A worker that was not heard of for this long is lost.
  absl::Duration evict_after = absl::Seconds(5);
  // How long a group waits for further workers to join before it forms.
  absl::Duration join_window = absl::Seconds(2);
  // A group whose members all left waits this long for them to come back
  // before its phase starts again from the resume point.
  absl::Duration orphan_grace = absl::Seconds(10);
  // After a restart: how long members may re-attach before their generation
  // is given up.
  absl::Duration recovery_window = absl::Seconds(15);
  // A task's lease; it begins anew while the task comes on. A worker whose
  // task stands still for as long loses it.
  absl::Duration task_lease = absl::Minutes(10);
  // A group without a step for so long is broken, even if its members report
  // that they live.
  absl::Duration stall_after = absl::Minutes(30);
  // A phase whose groups broke this many times in a row without a committed
  // step FAILs.
  int max_forming_failures = 10;
  // A task that failed this often fails its phase.
  int max_task_failures = 5;
  // One whose holders were lost this often too: it may be what kills them.
  int max_task_losses = 10;
};

struct WorkerView {
  std::string id;
  int64_t incarnation = 0;
  // False once its Attach stream broke.
  bool attached = false;
  absl::Time attach_time;
  // When this incarnation attached first.
  absl::Time start_time;
  absl::Time heartbeat_time;
  // Its device: a GPU, or a CPU.
  bool gpu = false;
  bool draining = false;
  // Generation that it belongs to; 0: none.
  int64_t generation = 0;
  // Task that it works on; empty: none.
  std::string task_id;
  // It has not come out of a generation that is over yet.
  bool leaving = false;
  // It could not take part in a group: it gets no work until then.
  absl::Time rest_end = absl::InfinitePast();
};

struct ChunkView {
  std::string digest;
  int64_t accepted_count = 0;
  absl::Time accept_time;
};

// The newest group of a phase.
struct GroupView {
  int64_t generation = 0;
  struct Member {
    std::string worker_id;
    int64_t incarnation = 0;
    // True once it said FINISHED.
    bool finished = false;
    // True once it said BROKEN, STOPPED or FAILED.
    bool ended = false;
  };
  std::vector<Member> members;
  bool closed = false;
  absl::Time form_time;
  // When it formed, or its newest step was reported.
  absl::Time progress_time = absl::InfiniteFuture();
};

struct PhaseView {
  int number = 0;
  int attempt = 1;
  v1::Phase::State state = v1::Phase::QUEUED;
  // True once its parent's checkpoint can be read (always, for random
  // weights).
  bool parent_ready = false;
  // True if its plan was made for another newest published phase and takes
  // something from it, or could not be made yet.
  bool plan_stale = false;
  // Planned samples, those of earlier phases among them.
  int64_t sample_count = 0;
  // Rows of the smallest step: the most members that a group may have. 0: its
  // plan has no step.
  int64_t smallest_step = 0;
  GroupView group;  // generation 0: none yet
  bool result_uploaded = false;
  int forming_failures = 0;
};

struct TaskView {
  std::string task_id;
  std::string stream;
  int phase = 0;
  bool done = false;
  // Worker that holds the lease; empty: none.
  std::string worker_id;
  int64_t worker_incarnation = 0;
  absl::Time lease_end;
  int failure_count = 0;
  int loss_count = 0;
  std::string last_error;
  // After a failure it waits until then.
  absl::Time retry_time = absl::InfinitePast();
  // Workers that it failed on.
  std::set<std::string> failed_workers;
};

struct StreamView {
  std::string name;
  v1::StreamConfig config;
  // A FAILED phase, which waits for a person, comes before the open ones.
  bool blocked = false;
  // True if ClosePhase asked for a phase of all that waits.
  bool close_requested = false;
  // Accepted chunks that are in no phase and no probe, in order.
  std::vector<ChunkView> backlog;
  // Phases that are not final, in order of their numbers.
  std::vector<PhaseView> phases;
};

struct ClusterView {
  // When this coordinator process started to serve.
  absl::Time start_time;
  std::vector<WorkerView> workers;
  std::vector<StreamView> streams;
  std::vector<TaskView> tasks;
};

// ---- actions ---------------------------------------------------------------

// Every action carries a sentence that says why, for log and phase.reason.

// Make a phase of these chunks.
struct CreatePhase {
  std::string stream;
  std::vector<std::string> chunk_digests;
  std::string reason;
};
// Bring the plan of the phase that trains next up to what is published.
struct CompletePlan {
  std::string stream;
  int phase = 0;
  std::string reason;
};
// Form a new generation; ranks are positions in `worker_ids`.
struct FormGroup {
  std::string stream;
  int phase = 0;
  std::vector<std::string> worker_ids;
  std::string reason;
};
// Close the generation and tell its members.
struct BreakGroup {
  std::string stream;
  int phase = 0;
  int64_t generation = 0;
  std::string reason;
};
// The result is there: TRAINING -> EVALUATING, make its tasks.
struct StartEvaluation {
  std::string stream;
  int phase = 0;
  std::string reason;
};
// All tasks are done: EVALUATING -> PUBLISHED.
struct PublishPhase {
  std::string stream;
  int phase = 0;
  std::string reason;
};
struct FailPhase {
  std::string stream;
  int phase = 0;
  std::string reason;
};
struct AssignTask {
  std::string task_id;
  std::string worker_id;
  std::string reason;
};
// Take the lease back (the holder is lost or late).
struct ReleaseTask {
  std::string task_id;
  std::string reason;
};
// Drop a worker that is gone.
struct EvictWorker {
  std::string worker_id;
  int64_t incarnation = 0;
  std::string reason;
};

using Action = std::variant<CreatePhase, CompletePlan, FormGroup, BreakGroup,
                            StartEvaluation, PublishPhase, FailPhase,
                            AssignTask, ReleaseTask, EvictWorker>;

// Deterministic. The actions are independent of each other and in the order
// in which they are to be executed; no worker is in two of them.
std::vector<Action> PlanActions(const ClusterView& view, absl::Time now,
                                const PlannerOptions& options);

// The action as one log line.
std::string Describe(const Action& action);

}  // namespace keel

#endif  // KEEL_COORDINATOR_CORE_PLANNER_H_
