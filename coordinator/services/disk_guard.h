// Refuses uploads before the disk is full: what it keeps free is for the
// database, and for the results and resume points of workers. Thread-safe.
#ifndef KEEL_COORDINATOR_SERVICES_DISK_GUARD_H_
#define KEEL_COORDINATOR_SERVICES_DISK_GUARD_H_

#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "coordinator/store/blob_store.h"

namespace keel {

class DiskGuard {
 public:
  // Room for the bytes of one upload that are still to come; given back by the
  // destructor. Not thread-safe; the guard outlives it.
  class Room {
   public:
    Room(DiskGuard& guard, int64_t bytes) : guard_(guard), bytes_(bytes) {}
    ~Room() { Use(bytes_); }
    Room(const Room&) = delete;
    Room& operator=(const Room&) = delete;

    // So many of them are on the disk now, which has less free bytes by them.
    void Use(int64_t bytes);

   private:
    DiskGuard& guard_;
    int64_t bytes_;
  };

  // `blobs` outlives it.
  DiskGuard(BlobStore* blobs, int64_t min_free_bytes)
      : blobs_(blobs), min_free_bytes_(min_free_bytes) {}

  // RESOURCE_EXHAUSTED (DISK_LOW): with these bytes, and with what the uploads
  // that have room are still to bring, less than min_free_bytes would be free.
  absl::StatusOr<std::unique_ptr<Room>> Reserve(int64_t bytes);

 private:
  BlobStore* const blobs_;
  const int64_t min_free_bytes_;
  absl::Mutex mu_;
  int64_t reserved_bytes_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace keel

#endif  // KEEL_COORDINATOR_SERVICES_DISK_GUARD_H_
