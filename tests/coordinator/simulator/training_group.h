// What the members of one generation do among themselves: they start together,
// step together, and break together.
#ifndef KEEL_TESTS_COORDINATOR_SIMULATOR_TRAINING_GROUP_H_
#define KEEL_TESTS_COORDINATOR_SIMULATOR_TRAINING_GROUP_H_

#include <cstdint>
#include <map>
#include <vector>

#include "keel/v1/worker.pb.h"
#include "tests/coordinator/simulator/world.h"

namespace keel::testing {

class SimulatedWorker;

class TrainingGroup {
 public:
  TrainingGroup(World& world, const v1::JoinGroup& join)
      : world_(world),
        generation_(join.generation()),
        world_size_(join.world_size()),
        step_(join.start_step()) {}

  // A member has found the others; `steps` are the plan's. The last one to
  // come starts the training.
  void Ready(SimulatedWorker& worker, int64_t incarnation, int rank,
             const std::vector<v1::StepReport>& steps);
  // The first member has uploaded the result.
  void Finish();

 private:
  struct Member {
    SimulatedWorker* worker = nullptr;
    int64_t incarnation = 0;
  };

  bool IsWhole() const;
  void Step();
  // Once all steps are done: waits for the first member's upload.
  void Watch();
  void Break();
  void End(v1::GroupEnded::Outcome outcome, absl::Duration delay);

  World& world_;
  const int64_t generation_;
  const int world_size_;
  int64_t step_;
  bool started_ = false;
  bool over_ = false;
  std::vector<v1::StepReport> steps_;
  std::map<int, Member> members_;  // by rank
};

}  // namespace keel::testing

#endif  // KEEL_TESTS_COORDINATOR_SIMULATOR_TRAINING_GROUP_H_
