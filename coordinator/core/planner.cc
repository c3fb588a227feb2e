#include "coordinator/core/planner.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "coordinator/core/planner_parts.h"

namespace keel {
namespace {

void EvictWorkers(Planning& planning) {
  for (const WorkerView& worker : planning.view.workers) {
    if (planning.roster.PresenceOf(worker) != Presence::kSilent ||
        planning.kept_workers.contains(worker.id)) {
      continue;
    }
    planning.actions.push_back(EvictWorker{
        worker.id, worker.incarnation,
        worker.attached
            ? absl::StrCat("not heard of for ",
                           absl::FormatDuration(planning.options.evict_after))
            : "its stream broke"});
  }
}

struct Describer {
  std::string operator()(const CreatePhase& action) const {
    return absl::StrCat("create a phase of ", action.chunk_digests.size(),
                        " chunks in ", action.stream);
  }
  std::string operator()(const CompletePlan& action) const {
    return absl::StrCat("complete the plan of ", Name(action));
  }
  std::string operator()(const FormGroup& action) const {
    return absl::StrCat("form a group for ", Name(action), " of ",
                        absl::StrJoin(action.worker_ids, ", "));
  }
  std::string operator()(const BreakGroup& action) const {
    return absl::StrCat("break generation ", action.generation, " of ",
                        Name(action));
  }
  std::string operator()(const StartEvaluation& action) const {
    return absl::StrCat("evaluate ", Name(action));
  }
  std::string operator()(const PublishPhase& action) const {
    return absl::StrCat("publish ", Name(action));
  }
  std::string operator()(const FailPhase& action) const {
    return absl::StrCat("fail ", Name(action));
  }
  std::string operator()(const AssignTask& action) const {
    return absl::StrCat("give task ", action.task_id, " to ", action.worker_id);
  }
  std::string operator()(const ReleaseTask& action) const {
    return absl::StrCat("take task ", action.task_id, " back");
  }
  std::string operator()(const EvictWorker& action) const {
    return absl::StrCat("evict worker ", action.worker_id);
  }

  template <typename PhaseAction>
  static std::string Name(const PhaseAction& action) {
    return absl::StrCat(action.stream, "@", action.phase);
  }
};

}  // namespace

std::vector<const StreamView*> ByPriority(const ClusterView& view) {
  std::vector<const StreamView*> streams;
  for (const StreamView& stream : view.streams) streams.push_back(&stream);
  std::sort(streams.begin(), streams.end(),
            [](const StreamView* a, const StreamView* b) {
              const int x = a->config.group().priority();
              const int y = b->config.group().priority();
              return x != y ? x > y : a->name < b->name;
            });
  return streams;
}

std::vector<Action> PlanActions(const ClusterView& view, absl::Time now,
                                const PlannerOptions& options) {
  Planning planning(view, now, options);
  BreakGroups(planning);
  EvictWorkers(planning);
  ReleaseTasks(planning);
  FailUnformable(planning);
  FinishEvaluations(planning);
  CreatePhases(planning);
  // Tasks first: they are short, and a stream waits for its own.
  AssignTasks(planning);
  FormGroups(planning);
  return std::move(planning.actions);
}

std::string Describe(const Action& action) {
  const auto reason = [](const auto& a) { return a.reason; };
  return absl::StrCat(std::visit(Describer(), action), ": ",
                      std::visit(reason, action));
}

}  // namespace keel
