#include "coordinator/services/controller.h"

#include <variant>

#include "common/log.h"
#include "coordinator/services/metrics_export.h"
#include "coordinator/services/state_views.h"

namespace keel {

// Executes one action under the lock. CreatePhase is not for it: it reads
// blobs, which is done without the lock.
struct Controller::Executor {
  const Parts& parts;
  ClusterState& state;

  absl::Status operator()(const FormGroup& action) const {
    return parts.groups->Form(state, action);
  }
  absl::Status operator()(const BreakGroup& action) const {
    return parts.groups->Break(state, action);
  }
  absl::Status operator()(const StartEvaluation& action) const {
    return parts.phases->StartEvaluation(state, action);
  }
  absl::Status operator()(const PublishPhase& action) const {
    return parts.phases->Publish(state, action);
  }
  absl::Status operator()(const FailPhase& action) const {
    return parts.phases->Fail(state, action);
  }
  absl::Status operator()(const AssignTask& action) const {
    return parts.tasks->Assign(state, action);
  }
  absl::Status operator()(const ReleaseTask& action) const {
    return parts.tasks->Release(state, action);
  }
  absl::Status operator()(const EvictWorker& action) const {
    parts.workers->Evict(state, action);
    return absl::OkStatus();
  }
  absl::Status operator()(const CreatePhase&) const { return absl::OkStatus(); }
};

void Controller::Start() {
  ticker_ = std::thread([this] { Loop(); });
}

void Controller::Stop() {
  {
    absl::MutexLock lock(&mu_);
    stopped_ = true;
  }
  if (!ticker_.joinable()) return;
  parts_.cluster->Notify();
  ticker_.join();
}

bool Controller::stopped() {
  absl::MutexLock lock(&mu_);
  return stopped_;
}

void Controller::Loop() {
  while (!stopped()) {
    const int64_t seen = parts_.cluster->change_count();
    const bool ok = Tick();
    if (!ok) {
      // Changes do not cut this short: they would make the failure a busy
      // loop.
      absl::MutexLock lock(&mu_);
      mu_.AwaitWithTimeout(absl::Condition(&stopped_), kPauseAfterFailure);
      continue;
    }
    auto state = parts_.cluster->Lock();
    // What changed meanwhile, also by this pass, may ask for the next one.
    if (parts_.cluster->change_count() == seen) {
      state.WaitForChange(kTickEvery);
    }
  }
}

void Controller::ForgetOldUploadsIfDue() {
  Cluster& cluster = *parts_.cluster;
  if (cluster.Now() < next_forgetting_) return;
  next_forgetting_ = cluster.Now() + kForgetEvery;
  const absl::Status status =
      cluster.ForgetOldUploads(Cluster::kUploadLifetime);
  if (status.ok()) return;
  LogError("old uploads were not removed", {{"error", status.ToString()}});
}

bool Controller::Tick() {
  ForgetOldUploadsIfDue();
  std::vector<CreatePhase> creations;
  bool ok = true;
  {
    auto state = parts_.cluster->Lock();
    parts_.steps->FlushDue(*state);
    ok = ExecuteUnderLock(*state, creations);
    ExportGauges(*state, *parts_.cluster->env().metrics);
  }
  for (const CreatePhase& action : creations) {
    const absl::Status status = parts_.maker->Create(action);
    if (status.ok()) continue;
    LogError("a phase was not created",
             {{"stream", action.stream}, {"error", status.ToString()}});
    ok = false;
  }
  return ok;
}

bool Controller::ExecuteUnderLock(ClusterState& state,
                                  std::vector<CreatePhase>& rest) {
  const Cluster& cluster = *parts_.cluster;
  bool ok = true;
  for (const Action& action :
       PlanActions(ViewOf(state), cluster.Now(), cluster.env().planner)) {
    LogInfo(Describe(action));
    if (const auto* creation = std::get_if<CreatePhase>(&action)) {
      rest.push_back(*creation);
      continue;
    }
    const absl::Status status = std::visit(Executor{parts_, state}, action);
    if (status.ok()) continue;
    LogError("an action failed",
             {{"action", Describe(action)}, {"error", status.ToString()}});
    ok = false;
  }
  return ok;
}

}  // namespace keel
