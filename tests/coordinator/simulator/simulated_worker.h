// A worker by the protocol (docs/protocol.md), without a model: it attaches,
// trains in groups, uploads, answers tasks; it may be killed, cut off, and
// come back.
#ifndef KEEL_TESTS_COORDINATOR_SIMULATOR_SIMULATED_WORKER_H_
#define KEEL_TESTS_COORDINATOR_SIMULATOR_SIMULATED_WORKER_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "keel/v1/worker.pb.h"
#include "tests/coordinator/simulator/line.h"
#include "tests/coordinator/simulator/weights.h"
#include "tests/coordinator/simulator/world.h"

namespace keel::testing {

class SimulatedWorker : public Line::Peer {
 public:
  SimulatedWorker(World& world, std::string id);

  // Starts the process (again), unless it runs.
  void Start();
  // Ends it. `silent`: the coordinator is not told, as when the machine dies.
  void Kill(bool silent);
  // The coordinator cannot be reached for that long; peers can.
  void CutOff(absl::Duration duration);

  const std::string& id() const { return id_; }

  // ---- for its group -------------------------------------------------------
  // True if this incarnation lives and is in the generation.
  bool Trains(int64_t generation, int64_t incarnation) const;
  // To rank 0: a step is committed; all are.
  void OnStep(int64_t generation, const v1::StepReport& report);
  void OnAllSteps(int64_t generation);
  void EndGroup(v1::GroupEnded::Outcome outcome, const std::string& message);

  // ---- Line::Peer ----------------------------------------------------------
  void OnMessage(const Line& line,
                 const v1::CoordinatorMessage& message) override;
  void OnEnd(const Line& line) override;

 private:
  // Its part in a generation.
  struct Membership {
    v1::JoinGroup join;
    Weights weights;
    bool meeting = false;  // in rendezvous
    // Reports that are not acknowledged, and how many went out on this line.
    std::deque<v1::StepReport> unacknowledged;
    size_t sent = 0;
    bool sending = false;
    int64_t acknowledged = 0;
    // Resume point that waits for its steps' acknowledgement.
    std::optional<Weights> resume_point;
    bool all_steps = false;
    bool uploading = false;
  };
  // How a job ended; sent again if its line broke soon after.
  struct Outcome {
    v1::WorkerMessage message;
    v1::Hello position;
    std::optional<absl::Time> sent;
  };

  // Runs `action` after `delay` if this incarnation still lives.
  void After(absl::Duration delay, std::function<void()> action);
  // The same, if it is still in this generation.
  void AfterInGroup(absl::Duration delay, std::function<void()> action);
  void Connect();
  void Send(v1::WorkerMessage message);
  v1::Hello MakeHello() const;
  void Heartbeat();
  void SendOldMessages();
  void OnWelcome(const v1::Welcome& welcome);
  void GiveUp(int64_t generation);
  void AddOutcome(Outcome outcome);
  void SendOutcomes();
  void Join(const v1::JoinGroup& join);
  void Prepare(int trials);
  bool ReadInputs();
  void Meet();
  void OnStoreReply(const v1::StoreReply& reply);
  void SendReports();
  void OnAcknowledgement(const v1::StepAck& ack);
  void UploadWhatIsDue();
  void UploadFiles(v1::ArtifactHeader::Kind kind, const Weights& weights,
                   std::function<void(absl::Status)> done);
  void UploadResult();
  void RunTask(const v1::RunTask& task);
  void EndTask(const v1::RunTask& task);
  void Leave();

  World& world_;
  const std::string id_;
  int64_t incarnation_ = 0;
  bool alive_ = false;
  absl::Time reachable_from_ = absl::InfinitePast();
  std::shared_ptr<Line> line_;
  bool attached_ = false;
  std::string cluster_id_;
  // Generation that the last hello named.
  int64_t announced_ = 0;
  int64_t newest_generation_ = 0;
  std::optional<Membership> member_;
  std::optional<v1::RunTask> task_;
  std::vector<Outcome> outcomes_;
  // The newest reports and ends that it has sent, to send them again when
  // they are of no use any more.
  std::deque<v1::WorkerMessage> old_messages_;
};

}  // namespace keel::testing

#endif  // KEEL_TESTS_COORDINATOR_SIMULATOR_SIMULATED_WORKER_H_
