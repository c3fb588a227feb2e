#include "tests/coordinator/simulator/training_group.h"

#include <algorithm>
#include <utility>

#include "tests/coordinator/simulator/simulated_worker.h"

namespace keel::testing {
namespace {

constexpr absl::Duration kPeerTimeout = absl::Seconds(4);
constexpr absl::Duration kWatchEvery = absl::Milliseconds(400);

}  // namespace

void TrainingGroup::Ready(SimulatedWorker& worker, int64_t incarnation,
                          int rank, const std::vector<v1::StepReport>& steps) {
  if (members_.empty()) {
    world_.queue().After(kPeerTimeout, [this] {
      if (!started_) Break();
    });
  }
  steps_ = steps;
  members_[rank] = {&worker, incarnation};
  if (over_) return Break();
  if (static_cast<int>(members_.size()) < world_size_) return;
  started_ = true;
  world_.queue().After(world_.random().Milliseconds(20, 200),
                       [this] { Step(); });
}

bool TrainingGroup::IsWhole() const {
  return std::all_of(members_.begin(), members_.end(), [&](const auto& entry) {
    return entry.second.worker->Trains(generation_, entry.second.incarnation);
  });
}

void TrainingGroup::Step() {
  if (over_) return;
  if (!IsWhole()) return Break();
  if (step_ == static_cast<int64_t>(steps_.size())) {
    members_.at(0).worker->OnAllSteps(generation_);
    return Watch();
  }
  const v1::StepReport& report = steps_[step_++];
  world_.truth().steps[{generation_, report.step()}] = report;
  members_.at(0).worker->OnStep(generation_, report);
  world_.queue().After(world_.random().Milliseconds(20, 250),
                       [this] { Step(); });
}

void TrainingGroup::Watch() {
  if (over_) return;
  if (!IsWhole()) return Break();
  world_.queue().After(kWatchEvery, [this] { Watch(); });
}

void TrainingGroup::Finish() {
  if (std::exchange(over_, true)) return;
  End(v1::GroupEnded::FINISHED, world_.random().Milliseconds(1, 300));
}

void TrainingGroup::Break() {
  over_ = true;
  End(v1::GroupEnded::BROKEN, world_.random().Milliseconds(1, 1500));
}

void TrainingGroup::End(v1::GroupEnded::Outcome outcome, absl::Duration delay) {
  for (const auto& [rank, member] : members_) {
    world_.queue().After(delay, [this, outcome, member = member] {
      if (member.worker->Trains(generation_, member.incarnation)) {
        member.worker->EndGroup(outcome, "");
      }
    });
  }
}

}  // namespace keel::testing
