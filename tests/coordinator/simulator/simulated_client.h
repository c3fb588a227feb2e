// A user with one stream: creates it, submits chunks, closes, retries, skips
// and cancels phases. Every request is repeated under its id until it is
// answered; some are repeated later, or with other bytes.
#ifndef KEEL_TESTS_COORDINATOR_SIMULATOR_SIMULATED_CLIENT_H_
#define KEEL_TESTS_COORDINATOR_SIMULATOR_SIMULATED_CLIENT_H_

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "keel/v1/phase.pb.h"
#include "keel/v1/stream.pb.h"
#include "tests/coordinator/simulator/shards.h"
#include "tests/coordinator/simulator/world.h"

namespace keel::testing {

class SimulatedClient {
 public:
  SimulatedClient(World& world, std::string stream);

  void Start();
  // True once all that it wanted is done, as it saw it last.
  bool done() const { return done_; }
  // What it waits for, for a message.
  std::string Describe() const;

 private:
  struct Chunk {
    const Shard* shard = nullptr;
    bool probe_only = false;
    std::string request_id;
  };
  using SubmitResult = absl::StatusOr<v1::SubmitChunkResponse>;

  // Asks the coordinator. Nullopt: no reply came (it may have been done).
  template <typename T>
  std::optional<T> Ask(const std::function<T(CoordinatorLife&)>& request);

  void Act();
  void Create();
  void RepeatCreate(v1::CreateStreamRequest request);
  void SubmitNext();
  std::optional<SubmitResult> Submit(const Chunk& chunk);
  SubmitResult Receive(CoordinatorLife& coordinator, const Chunk& chunk,
                       int64_t offset);
  void NoteAccepted(const Chunk& chunk,
                    const v1::SubmitChunkResponse& response);
  void RepeatSubmission(const Chunk& chunk);
  // True if nothing waits for a phase (any more).
  bool CloseIfNeeded();
  // True if all phases are over.
  bool TendPhases();
  bool TendPhase(const v1::Phase& phase);

  World& world_;
  const std::string stream_;
  v1::StreamConfig config_;
  std::vector<Chunk> chunks_;
  bool created_ = false;
  size_t next_chunk_ = 0;
  bool from_start_ = false;
  int close_count_ = 1;
  std::map<int, v1::Phase> seen_;
  bool done_ = false;
};

}  // namespace keel::testing

#endif  // KEEL_TESTS_COORDINATOR_SIMULATOR_SIMULATED_CLIENT_H_
