// A cluster in words: the planner's tests say what is there, let time pass,
// and read the actions as text.
#ifndef KEEL_TESTS_COORDINATOR_CORE_CLUSTER_FIXTURE_H_
#define KEEL_TESTS_COORDINATOR_CORE_CLUSTER_FIXTURE_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "coordinator/core/planner.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keel {

class PlannerTest : public ::testing::Test {
 protected:
  // The coordinator started at second 0; it is second 100 now.
  PlannerTest() { view_.start_time = At(0); }

  static absl::Time At(double seconds) {
    return absl::FromUnixSeconds(1'800'000'000) + absl::Seconds(seconds);
  }
  void Now(double seconds) { now_ = At(seconds); }

  // An idle worker, attached since `attached`, heard of at `heard`.
  WorkerView& Worker(const std::string& id, double attached = 50,
                     double heard = 100) {
    WorkerView worker;
    worker.id = id;
    worker.incarnation = 1;
    worker.attached = true;
    worker.attach_time = worker.start_time = At(attached);
    worker.heartbeat_time = At(heard);
    view_.workers.push_back(worker);
    return view_.workers.back();
  }
  WorkerView& Find(const std::string& id) {
    for (WorkerView& worker : view_.workers) {
      if (worker.id == id) return worker;
    }
    ADD_FAILURE() << "no worker " << id;
    return view_.workers.front();
  }
  void Detach(const std::string& id, double heard) {
    Find(id).attached = false;
    Find(id).heartbeat_time = At(heard);
  }

  StreamView& Stream(const std::string& name, int priority = 0) {
    StreamView stream;
    stream.name = name;
    stream.config.mutable_group()->set_min_workers(1);
    stream.config.mutable_group()->set_max_workers(64);
    stream.config.mutable_group()->set_priority(priority);
    stream.config.mutable_phase()->set_policy(v1::PhaseConfig::MANUAL);
    view_.streams.push_back(stream);
    return view_.streams.back();
  }
  static PhaseView& Phase(StreamView& stream, int number,
                          v1::Phase::State state = v1::Phase::QUEUED) {
    PhaseView phase;
    phase.number = number;
    phase.state = state;
    phase.parent_ready = true;
    phase.smallest_step = 100;
    stream.phases.push_back(phase);
    return stream.phases.back();
  }
  // Forms generation `generation` of workers that are there, or were.
  void Group(PhaseView& phase, int64_t generation,
             const std::vector<std::string>& ids, double formed = 60) {
    phase.state = v1::Phase::TRAINING;
    phase.group.generation = generation;
    phase.group.form_time = At(formed);
    for (const std::string& id : ids) {
      phase.group.members.push_back({id, 1});
      for (WorkerView& worker : view_.workers) {
        if (worker.id == id) worker.generation = generation;
      }
    }
  }
  TaskView& Task(const std::string& id, const std::string& stream, int phase,
                 const std::string& holder = "") {
    TaskView task;
    task.task_id = id;
    task.stream = stream;
    task.phase = phase;
    task.worker_id = holder;
    task.worker_incarnation = 1;
    task.lease_end = At(500);
    for (WorkerView& worker : view_.workers) {
      if (worker.id == holder) worker.task_id = id;
    }
    view_.tasks.push_back(task);
    return view_.tasks.back();
  }

  std::vector<std::string> Plan() const {
    std::vector<std::string> lines;
    for (const Action& action : PlanActions(view_, now_, options_)) {
      lines.push_back(Describe(action));
    }
    return lines;
  }

  ClusterView view_;
  PlannerOptions options_;
  absl::Time now_ = At(100);
};

}  // namespace keel

#endif  // KEEL_TESTS_COORDINATOR_CORE_CLUSTER_FIXTURE_H_
