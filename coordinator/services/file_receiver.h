// Takes the files of a checkpoint, one after the other, into the blob store.
// The bytes are pinned until it is destroyed: record them before. Not
// thread-safe.
#ifndef KEEL_COORDINATOR_SERVICES_FILE_RECEIVER_H_
#define KEEL_COORDINATOR_SERVICES_FILE_RECEIVER_H_

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/services/cluster.h"

namespace keel {

class FileReceiver {
 public:
  static constexpr size_t kMaxFiles = 64;

  // Whether what is sent may take the disk's last free bytes, which are kept
  // for what workers send.
  enum class Sender { kUser, kWorker };

  // `cluster` outlives it.
  FileReceiver(Cluster& cluster, Sender sender)
      : cluster_(cluster), sender_(sender), pins_(cluster) {}

  // Ends the file before and starts the next. INVALID_ARGUMENT: an illegal or
  // repeated name, digest or size. RESOURCE_EXHAUSTED: the bytes
  // are not there yet, and the disk is full, or for users nearly so.
  // UNAVAILABLE: another call uploads the same bytes now.
  absl::Status StartFile(const v1::CheckpointFile& file);
  absl::Status Take(const v1::DataFrame& frame);
  // Ends the last file; all are durable. INVALID_ARGUMENT: none, or one is cut
  // short. DATA_LOSS: one has another digest than it said.
  absl::StatusOr<std::vector<v1::CheckpointFile>> Finish();

 private:
  absl::Status EndFile();
  absl::Status CheckFile(const v1::CheckpointFile& file) const;

  Cluster& cluster_;
  const Sender sender_;
  BlobPins pins_;
  std::vector<v1::CheckpointFile> files_;
  // Of the last file. No writer: its bytes were there already.
  std::unique_ptr<BlobWriter> writer_;
  // Of the last file of a user.
  std::unique_ptr<DiskGuard::Room> room_;
  int64_t received_ = 0;
};

}  // namespace keel

#endif  // KEEL_COORDINATOR_SERVICES_FILE_RECEIVER_H_
