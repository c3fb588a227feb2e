// What uploads and downloads share: how long they try again, and whom they
// tell of their progress.
#ifndef KEEL_COORDINATOR_CLIENT_TRANSFER_H_
#define KEEL_COORDINATOR_CLIENT_TRANSFER_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/file_system.h"
#include "keel/v1/stream.pb.h"

namespace keel {

struct TransferOptions {
  // Bytes of a frame.
  int64_t frame_bytes = 1 << 20;
  // Waiting time, all in all, without any progress, after which a transfer
  // that keeps breaking is given up.
  absl::Duration give_up_after = absl::Seconds(60);
  absl::Duration first_delay = absl::Milliseconds(200);
  absl::Duration longest_delay = absl::Seconds(5);
  // Called with bytes done and bytes in all, from the calling thread.
  std::function<void(int64_t done, int64_t total)> progress;
  // Replaced in tests.
  std::function<void(absl::Duration)> sleep = absl::SleepFor;
};

// Decides whether a broken transfer is tried again. Not thread-safe.
class RetryBudget {
 public:
  explicit RetryBudget(const TransferOptions& options);

  // After an error: waits and returns true if it passes by itself and there
  // is time left; else false. UNAVAILABLE (a broken line), ABORTED (the
  // server has not yet noticed that the last try ended), and, once, DATA_LOSS
  // pass by themselves.
  bool WaitFor(const absl::Status& error);
  // Bytes got through: the budget is whole again.
  void NoteProgress();

 private:
  const TransferOptions& options_;
  absl::Duration delay_;
  absl::Duration waited_;
  bool saw_data_loss_ = false;
};

// The frame of `file` that starts at `offset`, with its checksum.
absl::StatusOr<v1::DataFrame> ReadFrame(const RandomAccessFile& file,
                                        int64_t offset, int64_t frame_bytes);
// DATA_LOSS: the frame's checksum does not match, or it does not start at
// `expected_offset`.
absl::Status CheckFrame(const v1::DataFrame& frame, int64_t expected_offset);

}  // namespace keel

#endif  // KEEL_COORDINATOR_CLIENT_TRANSFER_H_
