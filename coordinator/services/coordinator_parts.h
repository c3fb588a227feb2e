// The parts that work on the cluster's state, wired as the server wires them.
#ifndef KEEL_COORDINATOR_SERVICES_COORDINATOR_PARTS_H_
#define KEEL_COORDINATOR_SERVICES_COORDINATOR_PARTS_H_

#include "coordinator/services/artifacts.h"
#include "coordinator/services/cluster.h"
#include "coordinator/services/controller.h"
#include "coordinator/services/groups.h"
#include "coordinator/services/phase_maker.h"
#include "coordinator/services/phase_requests.h"
#include "coordinator/services/phases.h"
#include "coordinator/services/step_ledger.h"
#include "coordinator/services/streams.h"
#include "coordinator/services/tasks.h"
#include "coordinator/services/worker_registry.h"

namespace keel {

// In the order in which they need each other. Nothing runs before
// controller.Start() or controller.Tick().
struct CoordinatorParts {
  // `c` outlives it.
  explicit CoordinatorParts(Cluster& c) : cluster(c) {}

  Cluster& cluster;
  Groups groups{cluster};
  Phases phases{cluster};
  Tasks tasks{cluster};
  StepLedger steps{cluster};
  PhaseMaker maker{cluster};
  Streams streams{cluster};
  Artifacts artifacts{cluster};
  PhaseRequests requests{cluster, phases};
  WorkerRegistry workers{{&cluster, &groups, &phases, &tasks, &steps}};
  Controller controller{
      {&cluster, &groups, &phases, &tasks, &steps, &maker, &workers}};
};

}  // namespace keel

#endif  // KEEL_COORDINATOR_SERVICES_COORDINATOR_PARTS_H_
