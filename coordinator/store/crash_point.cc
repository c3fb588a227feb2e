#include "coordinator/store/crash_point.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/mutex.h"
#include "common/log.h"

namespace keel {
namespace {

constexpr std::string_view kFacts[] = {
    durable::kNewCluster,       durable::kCreateStream, durable::kStoreUpload,
    durable::kForgetUploads,    durable::kAcceptChunk,  durable::kRepeatChunk,
    durable::kCreatePhase,      durable::kCompletePlan, durable::kFormGroup,
    durable::kBreakGroup,       durable::kStoreInitial, durable::kCommitSteps,
    durable::kStoreResumePoint, durable::kStoreResult,  durable::kEndTraining,
    durable::kFailTask,         durable::kEndTask,      durable::kPublish,
    durable::kEndPhase,         durable::kRetryPhase};

constexpr std::string_view kBlobPlaces[] = {kBlobAppend, kBlobWritten,
                                            kBlobSynced, kBlobStored};

// What is armed, and who watches.
struct Plan {
  absl::Mutex mu;
  std::string name ABSL_GUARDED_BY(mu);
  int countdown ABSL_GUARDED_BY(mu) = 0;
  std::function<void(std::string_view)> observer ABSL_GUARDED_BY(mu);
};

// True if the plan has anything in it.
std::atomic<bool> in_use = false;

Plan& ThePlan() {
  static auto* const plan = new Plan;
  return *plan;
}

std::vector<std::string> MakeNames() {
  std::vector<std::string> names;
  for (std::string_view fact : kFacts) {
    for (const char* side : {":before", ":after"}) {
      names.push_back(std::string(fact) + side);
    }
  }
  names.insert(names.end(), std::begin(kBlobPlaces), std::end(kBlobPlaces));
  return names;
}

// No handler runs, nothing is flushed, no destructor is called.
void Die(const std::string& name) {
  LogError("crash point reached", {{"name", name}});
  kill(getpid(), SIGKILL);
  while (true) pause();
}

void Reach(const std::string& name) {
  Plan& plan = ThePlan();
  std::function<void(std::string_view)> observer;
  {
    absl::MutexLock lock(&plan.mu);
    if (plan.name == name && --plan.countdown == 0) Die(name);
    observer = plan.observer;
  }
  if (observer) observer(name);
}

}  // namespace

const std::vector<std::string>& CrashPointNames() {
  static const auto* const names = new std::vector<std::string>(MakeNames());
  return *names;
}

void ReachCrashPoint(std::string_view name) {
  if (in_use.load(std::memory_order_relaxed)) Reach(std::string(name));
}

void ReachCommit(std::string_view fact, std::string_view side) {
  if (in_use.load(std::memory_order_relaxed)) {
    Reach(std::string(fact) + ":" + std::string(side));
  }
}

absl::Status ArmCrashPoint(const std::string& spec) {
  const std::vector<std::string> parts = absl::StrSplit(spec, '@');
  const auto& names = CrashPointNames();
  int count = 1;
  const bool known =
      std::find(names.begin(), names.end(), parts[0]) != names.end();
  const bool counted =
      parts.size() == 1 ||
      (parts.size() == 2 && absl::SimpleAtoi(parts[1], &count) && count > 0);
  if (!spec.empty() && !(known && counted)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", spec, "\" is no crash point; it has to be NAME or NAME@N of: ",
        absl::StrJoin(names, ", ")));
  }
  Plan& plan = ThePlan();
  absl::MutexLock lock(&plan.mu);
  plan.name = parts[0];
  plan.countdown = count;
  in_use = !plan.name.empty() || plan.observer != nullptr;
  return absl::OkStatus();
}

void SetCrashPointObserver(std::function<void(std::string_view)> observer) {
  Plan& plan = ThePlan();
  absl::MutexLock lock(&plan.mu);
  plan.observer = std::move(observer);
  in_use = !plan.name.empty() || plan.observer != nullptr;
}

}  // namespace keel
