#include "tests/coordinator/simulator/simulated_worker.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/coordinator/simulator/training_group.h"

namespace keel::testing {
namespace {

constexpr absl::Duration kHeartbeatEvery = absl::Milliseconds(500);
// A line that outlived an outcome by this much has delivered it.
constexpr absl::Duration kSettleAfter = absl::Seconds(8);
constexpr size_t kOldMessages = 4;

}  // namespace

SimulatedWorker::SimulatedWorker(World& world, std::string id)
    : world_(world), id_(std::move(id)) {}

void SimulatedWorker::After(absl::Duration delay,
                            std::function<void()> action) {
  world_.queue().After(
      delay, [this, incarnation = incarnation_, action = std::move(action)] {
        if (alive_ && incarnation_ == incarnation) action();
      });
}

void SimulatedWorker::AfterInGroup(absl::Duration delay,
                                   std::function<void()> action) {
  const int64_t generation = member_->join.generation();
  After(delay, [this, generation, action = std::move(action)] {
    if (Trains(generation, incarnation_)) action();
  });
}

void SimulatedWorker::Start() {
  if (std::exchange(alive_, true)) return;
  ++incarnation_;
  After(world_.random().Milliseconds(1, 200), [this] { Connect(); });
  After(kHeartbeatEvery, [this] { Heartbeat(); });
}

void SimulatedWorker::Kill(bool silent) {
  if (!std::exchange(alive_, false)) return;
  if (line_ != nullptr) {
    if (silent) line_->Cut();
    line_->Close();
  }
  line_ = nullptr;
  attached_ = false;
  member_.reset();
  task_.reset();
  outcomes_.clear();
}

void SimulatedWorker::CutOff(absl::Duration duration) {
  reachable_from_ = world_.queue().Now() + duration;
  if (line_ != nullptr) line_->Cut();
}

// ---- the line --------------------------------------------------------------

void SimulatedWorker::Connect() {
  if (line_ != nullptr) return;
  line_ = std::make_shared<Line>(world_, *this, id_);
  if (world_.queue().Now() < reachable_from_) line_->Cut();
  attached_ = false;
  v1::WorkerMessage message;
  *message.mutable_hello() = MakeHello();
  announced_ = message.hello().generation();
  Send(std::move(message));
}

v1::Hello SimulatedWorker::MakeHello() const {
  v1::Hello hello;
  if (member_.has_value()) {
    hello.set_generation(member_->join.generation());
    hello.set_stream(member_->join.stream());
    hello.set_phase(member_->join.phase());
  } else if (task_.has_value()) {
    hello.set_task_id(task_->task_id());
  } else if (!outcomes_.empty()) {
    // Its end may not have been heard.
    hello = outcomes_.back().position;
  }
  hello.mutable_worker()->set_id(id_);
  hello.mutable_worker()->set_incarnation(incarnation_);
  hello.mutable_worker()->set_device("cpu");
  return hello;
}

void SimulatedWorker::Send(v1::WorkerMessage message) {
  if (line_ == nullptr) return;
  message.set_cluster_id(cluster_id_);
  message.set_incarnation(incarnation_);
  if (message.has_step_reports() || message.has_group_ended() ||
      message.has_task_ended()) {
    old_messages_.push_back(message);
    if (old_messages_.size() > kOldMessages) old_messages_.pop_front();
  }
  line_->SendUp(std::move(message));
}

void SimulatedWorker::Heartbeat() {
  if (attached_) {
    v1::WorkerMessage message;
    message.mutable_heartbeat()->set_generation(
        member_.has_value() ? member_->join.generation() : 0);
    Send(std::move(message));
    std::erase_if(outcomes_, [&](const Outcome& outcome) {
      return outcome.sent.has_value() &&
             *outcome.sent + kSettleAfter < world_.queue().Now();
    });
  }
  After(kHeartbeatEvery, [this] { Heartbeat(); });
}

void SimulatedWorker::SendOldMessages() {
  if (!attached_) return;
  for (v1::WorkerMessage message : std::exchange(old_messages_, {})) {
    Send(std::move(message));
  }
}

void SimulatedWorker::OnEnd(const Line& line) {
  if (&line != line_.get()) return;
  line_ = nullptr;
  attached_ = false;
  if (member_.has_value() && member_->meeting) {
    EndGroup(v1::GroupEnded::BROKEN, "the line was lost");
  }
  After(world_.random().Milliseconds(20, 500), [this] { Connect(); });
}

void SimulatedWorker::OnMessage(const Line& line,
                                const v1::CoordinatorMessage& message) {
  if (&line != line_.get()) return;
  cluster_id_ = message.cluster_id();
  switch (message.kind_case()) {
    case v1::CoordinatorMessage::kWelcome:
      return OnWelcome(message.welcome());
    case v1::CoordinatorMessage::kJoinGroup:
      return Join(message.join_group());
    case v1::CoordinatorMessage::kLeaveGroup:
      if (Trains(message.leave_group().generation(), incarnation_)) {
        EndGroup(v1::GroupEnded::STOPPED, "ordered");
      }
      return;
    case v1::CoordinatorMessage::kStepAck:
      return OnAcknowledgement(message.step_ack());
    case v1::CoordinatorMessage::kStoreReply:
      return OnStoreReply(message.store_reply());
    case v1::CoordinatorMessage::kRunTask:
      return RunTask(message.run_task());
    case v1::CoordinatorMessage::kCancelTask:
      if (task_.has_value() &&
          task_->task_id() == message.cancel_task().task_id()) {
        task_.reset();
      }
      return;
    case v1::CoordinatorMessage::kDrain:
      return Leave();
    default:
      return world_.Violation("a message without a kind");
  }
}

void SimulatedWorker::OnWelcome(const v1::Welcome& welcome) {
  if (announced_ != 0 && !welcome.adopted()) GiveUp(announced_);
  attached_ = true;
  for (Outcome& outcome : outcomes_) outcome.sent.reset();
  SendOutcomes();
  if (!member_.has_value()) return;
  member_->sent = 0;
  SendReports();
}

void SimulatedWorker::GiveUp(int64_t generation) {
  if (Trains(generation, incarnation_)) member_.reset();
  std::erase_if(outcomes_, [&](const Outcome& outcome) {
    return outcome.position.generation() == generation;
  });
}

void SimulatedWorker::AddOutcome(Outcome outcome) {
  // A new outcome means that orders came after the older ones were heard.
  std::erase_if(outcomes_,
                [](const Outcome& old) { return old.sent.has_value(); });
  outcomes_.push_back(std::move(outcome));
  SendOutcomes();
}

void SimulatedWorker::SendOutcomes() {
  if (!attached_) return;
  for (Outcome& outcome : outcomes_) {
    if (outcome.sent.has_value()) continue;
    outcome.sent = world_.queue().Now();
    Send(outcome.message);
  }
}

void SimulatedWorker::Leave() {
  if (member_.has_value()) EndGroup(v1::GroupEnded::STOPPED, "drained");
  v1::WorkerMessage message;
  message.mutable_leaving()->set_reason("drained");
  Send(std::move(message));
  After(absl::Milliseconds(200), [this] {
    Kill(/*silent=*/false);
    world_.queue().After(absl::Seconds(1), [this] { Start(); });
  });
}

// ---- tasks -----------------------------------------------------------------

void SimulatedWorker::RunTask(const v1::RunTask& task) {
  if (member_.has_value() || task_.has_value()) {
    return world_.Violation(
        absl::StrCat("worker ", id_, " got a task while it worked"));
  }
  task_ = task;
  After(world_.random().Milliseconds(20, 600), [this, task] {
    if (task_.has_value() && task_->task_id() == task.task_id()) EndTask(task);
  });
}

void SimulatedWorker::EndTask(const v1::RunTask& task) {
  task_.reset();
  Outcome outcome;
  outcome.position.set_task_id(task.task_id());
  v1::TaskEnded& ended = *outcome.message.mutable_task_ended();
  ended.set_task_id(task.task_id());
  ended.set_ok(!world_.Mishap(0.1));
  ended.set_message(ended.ok() ? "" : "out of memory");
  if (task.has_evaluate()) {
    ended.mutable_evaluation();
  } else {
    ended.mutable_drift();
  }
  for (const v1::ProbeSet& probe : task.probes()) {
    if (world_.Mishap(0.1)) continue;  // too few of its samples decode
    if (task.has_evaluate()) {
      ended.mutable_evaluation()->add_recalls()->set_probe(probe.name());
    } else {
      ended.mutable_drift()->add_drifts()->set_probe(probe.name());
    }
  }
  AddOutcome(std::move(outcome));
}

}  // namespace keel::testing
