#include "tests/coordinator/simulator/line.h"

#include <algorithm>
#include <utility>

namespace keel::testing {
namespace {

constexpr double kLoss = 0.01;

}  // namespace

// The coordinator's end.
class Line::Sink : public MessageSink {
 public:
  Sink(std::shared_ptr<Line> line, std::string cluster_id)
      : line_(std::move(line)), cluster_id_(std::move(cluster_id)) {}
  void Send(v1::CoordinatorMessage message) override {
    message.set_cluster_id(cluster_id_);
    line_->SendDown(std::move(message));
  }
  void Cancel() override {
    // The handler ends by itself, and not inside this call.
    line_->world_.queue().After(absl::ZeroDuration(),
                                [line = line_] { line->EndAtCoordinator(); });
  }

 private:
  const std::shared_ptr<Line> line_;
  const std::string cluster_id_;
};

void Line::SendUp(v1::WorkerMessage message) {
  if (life_ == 0) return TellWorker(world_.random().Milliseconds(50, 300));
  if (world_.Mishap(kLoss)) Cut();
  if (cut_) return;
  EventQueue& queue = world_.queue();
  last_up_ =
      std::max(last_up_, queue.Now() + world_.random().Milliseconds(1, 30));
  queue.After(last_up_ - queue.Now(),
              [line = shared_from_this(), message = std::move(message)] {
                line->DeliverUp(message);
              });
}

void Line::SendDown(v1::CoordinatorMessage message) {
  if (world_.Mishap(kLoss)) Cut();
  if (cut_ || ended_at_coordinator_) return;
  EventQueue& queue = world_.queue();
  last_down_ =
      std::max(last_down_, queue.Now() + world_.random().Milliseconds(1, 30));
  queue.After(last_down_ - queue.Now(),
              [line = shared_from_this(), message = std::move(message)] {
                if (!line->ended_at_worker_) {
                  line->peer_.OnMessage(*line, message);
                }
              });
}

void Line::DeliverUp(const v1::WorkerMessage& message) {
  if (ended_at_coordinator_) return;
  absl::Status status;
  const bool delivered = world_.Call([&](CoordinatorLife& coordinator) {
    if (coordinator.number != life_) return;
    WorkerRegistry& workers = coordinator.parts->workers;
    if (session_ != 0) {
      status = workers.Handle(worker_id_, session_, message);
      return;
    }
    const auto session = workers.Attach(
        message, std::make_shared<Sink>(shared_from_this(),
                                        coordinator.cluster->cluster_id()));
    status = session.status();
    session_ = session.value_or(0);
  });
  if (!delivered || world_.life() != life_) {
    ended_at_coordinator_ = true;
    TellWorker(world_.random().Milliseconds(10, 1000));
  } else if (!status.ok()) {
    EndAtCoordinator();
  }
}

void Line::EndAtCoordinator() {
  if (std::exchange(ended_at_coordinator_, true)) return;
  if (session_ != 0) {
    world_.Call([&](CoordinatorLife& coordinator) {
      if (coordinator.number != life_) return;
      coordinator.parts->workers.Detach(worker_id_, session_);
    });
  }
  if (!cut_) TellWorker(world_.random().Milliseconds(1, 50));
}

void Line::TellWorker(absl::Duration delay) {
  world_.queue().After(delay, [line = shared_from_this()] {
    if (!std::exchange(line->ended_at_worker_, true)) line->peer_.OnEnd(*line);
  });
}

void Line::Cut() {
  if (std::exchange(cut_, true)) return;
  TellWorker(world_.random().Milliseconds(100, 4000));
  world_.queue().After(
      world_.random().Milliseconds(100, 6000),
      [line = shared_from_this()] { line->EndAtCoordinator(); });
}

void Line::Close() {
  if (std::exchange(ended_at_worker_, true) || cut_) return;
  EventQueue& queue = world_.queue();
  last_up_ =
      std::max(last_up_, queue.Now() + world_.random().Milliseconds(1, 30));
  queue.After(last_up_ - queue.Now(),
              [line = shared_from_this()] { line->EndAtCoordinator(); });
}

}  // namespace keel::testing
