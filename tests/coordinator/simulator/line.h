// One Attach stream between a simulated worker and the coordinator: messages
// of one direction keep their order, as gRPC's do, until a first one is lost
// and with it all that follow. Its two ends learn of its end at different
// times, or never.
#ifndef KEEL_TESTS_COORDINATOR_SIMULATOR_LINE_H_
#define KEEL_TESTS_COORDINATOR_SIMULATOR_LINE_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "keel/v1/worker.pb.h"
#include "tests/coordinator/simulator/world.h"

namespace keel::testing {

class Line : public std::enable_shared_from_this<Line> {
 public:
  // The worker's end of it. Outlives the line.
  class Peer {
   public:
    virtual ~Peer() = default;
    virtual void OnMessage(const Line& line,
                           const v1::CoordinatorMessage& message) = 0;
    virtual void OnEnd(const Line& line) = 0;
  };

  Line(World& world, Peer& peer, std::string worker_id)
      : world_(world),
        peer_(peer),
        worker_id_(std::move(worker_id)),
        life_(world.life()) {}

  void SendUp(v1::WorkerMessage message);
  // All messages from now on are lost; both ends find out by and by.
  void Cut();
  // The worker's end closes: what was sent still arrives.
  void Close();

 private:
  class Sink;

  void SendDown(v1::CoordinatorMessage message);
  void DeliverUp(const v1::WorkerMessage& message);
  // The coordinator's handler of the line returns.
  void EndAtCoordinator();
  // The worker hears of the end.
  void TellWorker(absl::Duration delay);

  World& world_;
  Peer& peer_;
  const std::string worker_id_;
  // Of the coordinator that it leads to; 0: to nobody.
  const int life_;
  int64_t session_ = 0;
  bool cut_ = false;
  bool ended_at_coordinator_ = false;
  bool ended_at_worker_ = false;
  absl::Time last_up_ = absl::InfinitePast();
  absl::Time last_down_ = absl::InfinitePast();
};

}  // namespace keel::testing

#endif  // KEEL_TESTS_COORDINATOR_SIMULATOR_LINE_H_
