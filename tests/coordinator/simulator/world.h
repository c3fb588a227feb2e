// One simulated history: a coordinator that runs the product's code, workers,
// clients, the network between them, and what goes wrong. One thread, virtual
// time; everything follows from the seed.
#ifndef KEEL_TESTS_COORDINATOR_SIMULATOR_WORLD_H_
#define KEEL_TESTS_COORDINATOR_SIMULATOR_WORLD_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/metrics/registry.h"
#include "tests/coordinator/simulator/coordinator_life.h"
#include "tests/coordinator/simulator/crashing_store.h"
#include "tests/coordinator/simulator/event_queue.h"
#include "tests/coordinator/simulator/random.h"
#include "tests/coordinator/simulator/record_checker.h"
#include "tests/coordinator/simulator/truth.h"
#include "tests/testing/memory_file_system.h"

namespace keel::testing {

class SimulatedClient;
class SimulatedWorker;
class TrainingGroup;

// What a history came to.
struct HistoryResult {
  std::vector<std::string> violations;
  // How much happened, for a look at what the histories cover.
  int64_t event_count = 0;
  int coordinator_starts = 0;
  int power_losses = 0;
  int generations = 0;
  int published = 0;
  int failed = 0;
  absl::Duration elapsed;
  // Of the order of events: the same for the same seed.
  uint64_t trace = 0;
};

class World {
 public:
  explicit World(uint64_t seed);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  HistoryResult Run();

  // ---- for those who live in it ------------------------------------------
  EventQueue& queue() { return queue_; }
  Random& random() { return random_; }
  Truth& truth() { return truth_; }
  // True while things go wrong. Later, all have to come to their end.
  bool faulty() const { return faulty_; }
  // True with this probability while things go wrong.
  bool Mishap(double probability) {
    return random_.Chance(probability) && faulty_;
  }
  void Violation(std::string text);
  // Mixes into the trace.
  void Trace(uint64_t value) { trace_ = MixKey({trace_, value}); }

  // Calls into the coordinator. False: it is down, or ended in the call.
  bool Call(const std::function<void(CoordinatorLife&)>& call);
  // Number of the present life; 0: it is down.
  int life() const { return life_ == nullptr ? 0 : life_->number; }
  // Lets time pass inside a call, as a handler does that waits for its peer.
  // Throws SimulatedCrash if the coordinator ended meanwhile.
  void WaitInCall(absl::Duration duration);
  // A number that no other call has.
  int64_t NextCallNumber() { return ++call_count_; }
  // Calls that wait now.
  int waiting_calls() const { return waiting_calls_; }

  // The group that trains `join`'s generation.
  TrainingGroup& GroupOf(const v1::JoinGroup& join);
  // What a worker that loads correctly reports for every step of a plan; null:
  // the coordinator is away. A missing blob is a violation.
  const std::vector<v1::StepReport>* ReportsOf(const v1::BlobRef& plan);
  // The blob's bytes; nullopt as above.
  std::optional<std::string> ReadBlob(const std::string& digest);

 private:
  void MakeInhabitants();
  void StartCoordinator();
  void EndCoordinator(bool power_loss);
  void ReachCrashPoint();
  void ScheduleTick(absl::Duration delay);
  void Tick();
  void ScheduleFault();
  void MakeFault();
  void EndFaults();
  bool IsDone();
  void CheckState();
  void CheckLedgers();
  HistoryResult Summary();

  Random random_;
  EventQueue queue_;
  Truth truth_;
  uint64_t trace_ = 0;
  NullMetrics metrics_;
  MemoryFileSystem disk_;
  RecordChecker checker_;
  CrashingStore store_;
  Environment environment_;

  std::unique_ptr<CoordinatorLife> life_;
  // Lives that ended while a call of theirs was waiting.
  std::vector<std::unique_ptr<CoordinatorLife>> ended_;
  // While those are destroyed.
  bool burying_ = false;
  int life_count_ = 0;
  int power_losses_ = 0;
  int waiting_calls_ = 0;
  int64_t call_count_ = 0;
  bool faulty_ = true;
  // Changes of the disk or the records until the process ends; < 0: it is not
  // to end.
  int64_t crash_in_ = -1;

  std::map<int64_t, std::unique_ptr<TrainingGroup>> groups_;
  std::map<std::string, std::vector<v1::StepReport>> reports_;
  std::vector<std::unique_ptr<SimulatedWorker>> workers_;
  std::vector<std::unique_ptr<SimulatedClient>> clients_;
};

}  // namespace keel::testing

#endif  // KEEL_TESTS_COORDINATOR_SIMULATOR_WORLD_H_
