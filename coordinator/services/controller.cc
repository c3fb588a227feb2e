#include "coordinator/services/controller.h"

#include <variant>

#include "absl/strings/str_cat.h"
#include "common/log.h"
#include "coordinator/services/blob_message.h"
#include "coordinator/services/metrics_export.h"
#include "coordinator/services/state_views.h"

namespace keel {

namespace {

// What an action is about: once one failed, those with the same key wait.
struct Subject {
  // Chunks become phases in their order: none before an earlier one.
  std::string operator()(const CreatePhase& action) const {
    return action.stream;
  }
  std::string operator()(const AssignTask& action) const {
    return action.task_id;
  }
  std::string operator()(const ReleaseTask& action) const {
    return action.task_id;
  }
  std::string operator()(const EvictWorker& action) const {
    return action.worker_id;
  }
  template <typename PhaseAction>
  std::string operator()(const PhaseAction& action) const {
    return absl::StrCat(action.stream, "@", action.phase);
  }
};

std::string KeyOf(const Action& action) {
  return absl::StrCat(action.index(), " ", std::visit(Subject(), action));
}

// Those read the disk, which is done without the lock.
bool ReadsTheDisk(const Action& action) {
  return std::holds_alternative<CreatePhase>(action) ||
         std::holds_alternative<CompletePlan>(action) ||
         std::holds_alternative<StartEvaluation>(action);
}

}  // namespace

// `state` is null without the lock: for those that read the disk.
struct Controller::Executor {
  const Parts& parts;
  ClusterState* state;

  absl::Status operator()(const CreatePhase& action) const {
    return parts.maker->Create(action);
  }
  absl::Status operator()(const CompletePlan& action) const {
    const absl::Status status = parts.maker->Complete(action);
    if (!IsLost(status)) return status;
    // Read again, it would be as damaged.
    auto locked = parts.cluster->Lock();
    return parts.phases->Fail(
        *locked, {action.stream, action.phase, std::string(status.message())});
  }
  absl::Status operator()(const FormGroup& action) const {
    return parts.groups->Form(*state, action);
  }
  absl::Status operator()(const BreakGroup& action) const {
    return parts.groups->Break(*state, action);
  }
  absl::Status operator()(const StartEvaluation& action) const {
    return parts.phases->StartEvaluation(action);
  }
  absl::Status operator()(const PublishPhase& action) const {
    return parts.phases->Publish(*state, action);
  }
  absl::Status operator()(const FailPhase& action) const {
    return parts.phases->Fail(*state, action);
  }
  absl::Status operator()(const AssignTask& action) const {
    return parts.tasks->Assign(*state, action);
  }
  absl::Status operator()(const ReleaseTask& action) const {
    return parts.tasks->Release(*state, action);
  }
  absl::Status operator()(const EvictWorker& action) const {
    parts.workers->Evict(*state, action);
    return absl::OkStatus();
  }
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
    Tick();
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
  std::vector<Action> rest;
  bool ok = true;
  {
    auto state = parts_.cluster->Lock();
    parts_.steps->FlushDue(*state);
    parts_.workers->ForgetLost(*state);
    ok = ExecuteUnderLock(*state, rest);
    ExportGauges(*state, *parts_.cluster->env().metrics);
  }
  for (const Action& action : rest) {
    if (retry_times_.contains(KeyOf(action))) continue;
    ok &= Succeeded(action, std::visit(Executor{parts_, nullptr}, action));
  }
  return ok;
}

bool Controller::ExecuteUnderLock(ClusterState& state,
                                  std::vector<Action>& rest) {
  const Cluster& cluster = *parts_.cluster;
  const absl::Time now = cluster.Now();
  std::erase_if(retry_times_, [&](const auto& e) { return e.second <= now; });
  bool ok = true;
  for (const Action& action :
       PlanActions(ViewOf(state), now, cluster.env().planner)) {
    if (retry_times_.contains(KeyOf(action))) continue;
    LogInfo(Describe(action));
    if (ReadsTheDisk(action)) {
      rest.push_back(action);
    } else {
      ok &= Succeeded(action, std::visit(Executor{parts_, &state}, action));
    }
  }
  return ok;
}

bool Controller::Succeeded(const Action& action, const absl::Status& status) {
  if (status.ok()) return true;
  LogError("an action failed",
           {{"action", Describe(action)}, {"error", status.ToString()}});
  retry_times_[KeyOf(action)] = parts_.cluster->Now() + kPauseAfterFailure;
  return false;
}

}  // namespace keel
