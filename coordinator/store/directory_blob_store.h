// Blobs as files of one directory (layout: blob_paths.h). A blob is there
// whole or not at all: it is written aside, synced, checked, renamed, and its
// folder synced.
#ifndef KEEL_COORDINATOR_STORE_DIRECTORY_BLOB_STORE_H_
#define KEEL_COORDINATOR_STORE_DIRECTORY_BLOB_STORE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/file_system.h"
#include "coordinator/store/blob_store.h"

namespace keel {

// Thread-safe; one process per directory. Blocks on the disk. Outlives its
// writers. Every call with a digest that is not 64 lower-case hexadecimal
// digits is INVALID_ARGUMENT (or 0). RESOURCE_EXHAUSTED: the disk is
// full. A writer's bytes outlive the process, but only Finish makes them
// durable; what a loss of power took of a partial upload, Finish finds out.
class DirectoryBlobStore : public BlobStore {
 public:
  struct Options {
    // Made if it is missing.
    std::string path;
    // What holds it; outlives the store.
    FileSystem* file_system = PosixFileSystem();
  };
  static absl::StatusOr<std::unique_ptr<BlobStore>> Open(
      const Options& options);

  // Reads what an earlier try has kept, to go on with its digest.
  absl::StatusOr<std::unique_ptr<BlobWriter>> OpenWriter(
      const std::string& digest, bool restart) override;
  absl::StatusOr<std::string> Put(std::string_view data) override;
  int64_t PartialSize(const std::string& digest) override;
  absl::StatusOr<std::string> Read(const std::string& digest, int64_t offset,
                                   int64_t length) override;
  absl::StatusOr<int64_t> Size(const std::string& digest) override;
  absl::StatusOr<std::string> ReadVerified(const std::string& digest) override;
  absl::Status Verify(const std::string& digest) override;
  absl::StatusOr<std::vector<std::string>> List() override;
  absl::StatusOr<int> RemovePartials(absl::Time before) override;
  // Removes what an unfinished upload has kept, too. ABORTED: it is going on.
  absl::Status Delete(const std::string& digest) override;
  absl::StatusOr<int64_t> FreeBytes() override;

 private:
  class Writer;
  // Holds a digest for one user.
  class Claim;

  explicit DirectoryBlobStore(const Options& options);
  absl::Status Prepare();
  absl::StatusOr<std::unique_ptr<Claim>> TakeClaim(const std::string& digest);

  const std::string root_;
  FileSystem& files_;
  absl::Mutex mutex_;
  // Digests that a writer or Delete works on.
  absl::flat_hash_set<std::string> claimed_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace keel

#endif  // KEEL_COORDINATOR_STORE_DIRECTORY_BLOB_STORE_H_
