// Writes resume points in a thread of its own, now and then, so that training
// does not wait for disk and network.
#ifndef KEEL_WORKER_TRAIN_RESUME_WRITER_H_
#define KEEL_WORKER_TRAIN_RESUME_WRITER_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "worker/checkpoint/checkpoint_folder.h"
#include "worker/model/clip_model.h"

namespace keel {

// A copy of everything that a resume point holds, on the host.
struct Snapshot {
  ClipModel model;
  TrainerState state;
};

// Thread-safe. The destructor waits for the point that is being written.
class ResumeWriter {
 public:
  using Write = std::function<absl::Status(const Snapshot&)>;

  struct Options {
    absl::Duration interval = absl::Seconds(60);
    // Writing takes at most this share of the time: the interval grows to
    // the last point's duration divided by it.
    double max_share = 0.05;
  };

  // `write` is called by the writer's thread; its failure is logged, and the
  // next point is due as if it had succeeded. `clock` outlives the writer.
  ResumeWriter(const Options& options, const Clock& clock, Write write);
  ~ResumeWriter();
  ResumeWriter(const ResumeWriter&) = delete;
  ResumeWriter& operator=(const ResumeWriter&) = delete;

  // True if the interval is over and no point is being written.
  bool Due() const;
  // Starts writing. Due() was true.
  void Submit(Snapshot snapshot);
  // Waits until nothing is being written.
  void Flush();
  // Steps in the newest point that was written; -1: none.
  int64_t written_step() const;

 private:
  void Run();
  void WriteOne(const Snapshot& snapshot);
  bool HasWorkOrStops() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IsIdle() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  const Clock& clock_;
  const Write write_;

  mutable absl::Mutex mutex_;
  std::optional<Snapshot> pending_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Time due_ ABSL_GUARDED_BY(mutex_);
  int64_t written_step_ ABSL_GUARDED_BY(mutex_) = -1;

  // Last, so that it starts when all else is there.
  std::thread thread_;
};

}  // namespace keel

#endif  // KEEL_WORKER_TRAIN_RESUME_WRITER_H_
