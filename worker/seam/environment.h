// What the training half may ask of the agent half while it works.
#ifndef KEEL_WORKER_SEAM_ENVIRONMENT_H_
#define KEEL_WORKER_SEAM_ENVIRONMENT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "worker/seam/job.h"

namespace keel {

// The rendezvous store of one generation. Thread-safe. After Close (by a
// regroup order or a lost stream) every call, also a waiting one, returns
// ABORTED. Waiting calls return DEADLINE_EXCEEDED after `timeout`.
class RendezvousStore {
 public:
  virtual ~RendezvousStore() = default;
  virtual absl::Status Set(const std::string& key, std::string_view value) = 0;
  virtual absl::StatusOr<std::string> Get(const std::string& key,
                                          absl::Duration timeout) = 0;
  virtual absl::StatusOr<int64_t> Add(const std::string& key,
                                      int64_t amount) = 0;
  virtual absl::StatusOr<bool> Check(const std::vector<std::string>& keys) = 0;
  virtual absl::Status Wait(const std::vector<std::string>& keys,
                            absl::Duration timeout) = 0;
  virtual absl::StatusOr<bool> Delete(const std::string& key) = 0;
  virtual absl::StatusOr<int64_t> Count() = 0;
  virtual absl::StatusOr<std::string> CompareSet(const std::string& key,
                                                 std::string_view expected,
                                                 std::string_view value) = 0;
};

// Bytes of chunks, from a bounded local cache or the coordinator; digests are
// checked. Thread-safe. Blocks. UNAVAILABLE: the coordinator cannot be
// reached (the call has retried for a while); DATA_LOSS: wrong bytes.
class ChunkReader {
 public:
  virtual ~ChunkReader() = default;
  virtual absl::StatusOr<std::string> Read(const std::string& chunk_digest,
                                           int64_t offset, int64_t length) = 0;
};

enum class ArtifactKind { kResult, kResumePoint, kInitial };

// A member's line to the coordinator during a TrainJob. Thread-safe.
class TrainContext {
 public:
  virtual ~TrainContext() = default;
  virtual RendezvousStore& store() = 0;
  virtual ChunkReader& chunks() = 0;
  // A folder of this job's own, empty at its start, removed after it.
  virtual const std::string& scratch_directory() const = 0;
  // True once the job is to end at the next step boundary (regroup order,
  // drain, cancel). Does not block.
  virtual bool stop_requested() const = 0;
  // True once nobody wants the job's work any more (regroup order, cancel):
  // it is to end at once, also inside a collective. Does not block.
  virtual bool cancelled() const = 0;
  // Queues the report; it is sent until the coordinator has it. Only rank 0
  // reports. Does not block.
  virtual void ReportStep(StepReport report) = 0;
  // Uploads files; retries while the coordinator is away. Blocks. ABORTED:
  // this generation is no longer the phase's.
  virtual absl::Status Upload(ArtifactKind kind, int64_t step_count,
                              const std::vector<LocalFile>& files) = 0;
};

// A worker's line to the coordinator during a task. Thread-safe.
class TaskContext {
 public:
  virtual ~TaskContext() = default;
  virtual ChunkReader& chunks() = 0;
  // True once the task is to end at its next look; each is a sign that it goes
  // on. Does not block.
  virtual bool stop_requested() const = 0;
  // The same without the sign, for other threads of the task and for looks
  // between two rows.
  virtual bool cancelled() const = 0;
};

}  // namespace keel

#endif  // KEEL_WORKER_SEAM_ENVIRONMENT_H_
