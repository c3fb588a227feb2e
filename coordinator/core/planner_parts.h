// The parts of the planner, in the order in which planner.cc asks them. Each
// appends its actions and takes the workers that it uses out of the roster.
#ifndef KEEL_COORDINATOR_CORE_PLANNER_PARTS_H_
#define KEEL_COORDINATOR_CORE_PLANNER_PARTS_H_

#include <set>
#include <string>
#include <vector>

#include "coordinator/core/planner.h"
#include "coordinator/core/worker_roster.h"

namespace keel {

// What the parts share. Made for one call of PlanActions.
struct Planning {
  Planning(const ClusterView& cluster, absl::Time time,
           const PlannerOptions& planner_options)
      : view(cluster),
        now(time),
        options(planner_options),
        roster(cluster, time, planner_options) {}

  const ClusterView& view;
  const absl::Time now;
  const PlannerOptions& options;
  WorkerRoster roster;
  // Workers whose group still waits for them to come back.
  std::set<std::string> kept_workers;
  std::vector<Action> actions;
};

// planner_groups.cc: groups that lost a member; results that are there.
void BreakGroups(Planning& planning);
// Phases whose groups break again and again.
void FailUnformable(Planning& planning);
// New groups and the plans that they wait for, in order of priority, then of
// the streams' names.
void FormGroups(Planning& planning);

// planner_tasks.cc: leases of lost holders.
void ReleaseTasks(Planning& planning);
// EVALUATING phases that are measured, or cannot be.
void FinishEvaluations(Planning& planning);
void AssignTasks(Planning& planning);

// planner_phases.cc
void CreatePhases(Planning& planning);

// planner.cc: the streams in order of priority, then of their names.
std::vector<const StreamView*> ByPriority(const ClusterView& view);

}  // namespace keel

#endif  // KEEL_COORDINATOR_CORE_PLANNER_PARTS_H_
