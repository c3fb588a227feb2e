// Durable immutable bytes, named by their SHA-256: chunks, indexes, plans,
// checkpoint files, resume points.
#ifndef KEEL_COORDINATOR_STORE_BLOB_STORE_H_
#define KEEL_COORDINATOR_STORE_BLOB_STORE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace keel {

// An upload in progress, kept across restarts by its digest. Not thread-safe.
class BlobWriter {
 public:
  virtual ~BlobWriter() = default;
  // Bytes that are there, also from an earlier try.
  virtual int64_t size() const = 0;
  virtual absl::Status Append(std::string_view data) = 0;
  // Checks the digest, makes the blob durable and visible. DATA_LOSS: the
  // bytes have another digest; the partial upload is removed, as it is when
  // the disk fails to make it durable.
  virtual absl::Status Finish() = 0;
};

// Thread-safe.
class BlobStore {
 public:
  virtual ~BlobStore() = default;
  // Starts, or goes on with, the upload of the blob `digest` (64 hexadecimal
  // digits), whose first bytes from an earlier try are kept unless `restart`.
  // ABORTED: another writer has it open.
  virtual absl::StatusOr<std::unique_ptr<BlobWriter>> OpenWriter(
      const std::string& digest, bool restart) = 0;
  // Stores bytes under their digest, which is returned.
  virtual absl::StatusOr<std::string> Put(std::string_view data) = 0;
  // Bytes that an unfinished upload has kept; 0 without one.
  virtual int64_t PartialSize(const std::string& digest) = 0;
  // NOT_FOUND; OUT_OF_RANGE past the end.
  virtual absl::StatusOr<std::string> Read(const std::string& digest,
                                           int64_t offset, int64_t length) = 0;
  virtual absl::StatusOr<int64_t> Size(const std::string& digest) = 0;
  // Reads the whole blob and checks its digest. DATA_LOSS: damaged.
  virtual absl::StatusOr<std::string> ReadVerified(
      const std::string& digest) = 0;
  // The same check without the bytes; the blob is durable if it is OK.
  // NOT_FOUND; DATA_LOSS: damaged.
  virtual absl::Status Verify(const std::string& digest) = 0;
  // Digests of all blobs, sorted.
  virtual absl::StatusOr<std::vector<std::string>> List() = 0;
  // Removes what unfinished uploads kept and did not touch since; returns how
  // many there were.
  virtual absl::StatusOr<int> RemovePartials(absl::Time before) = 0;
  // OK if it is missing.
  virtual absl::Status Delete(const std::string& digest) = 0;
  virtual absl::StatusOr<int64_t> FreeBytes() = 0;
};

}  // namespace keel

#endif  // KEEL_COORDINATOR_STORE_BLOB_STORE_H_
