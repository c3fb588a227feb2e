// Blobs in memory, for tests of what stands on a blob store.
#ifndef KEEL_TESTS_TESTING_MEMORY_BLOB_STORE_H_
#define KEEL_TESTS_TESTING_MEMORY_BLOB_STORE_H_

#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/sha256.h"
#include "coordinator/store/blob_store.h"

namespace keel::testing {

// Thread-safe. Outlives its writers.
class MemoryBlobStore : public BlobStore {
 public:
  absl::StatusOr<std::unique_ptr<BlobWriter>> OpenWriter(
      const std::string& digest, bool restart) override {
    if (!IsSha256Hex(digest)) return absl::InvalidArgumentError("no digest");
    absl::MutexLock lock(&mutex_);
    if (!open_.insert(digest).second) return absl::AbortedError("being open");
    if (restart) partial_.erase(digest);
    return std::unique_ptr<BlobWriter>(new Writer(*this, digest));
  }

  absl::StatusOr<std::string> Put(std::string_view data) override {
    absl::MutexLock lock(&mutex_);
    const std::string digest = Sha256Hex(data);
    blobs_[digest] = std::string(data);
    return digest;
  }

  int64_t PartialSize(const std::string& digest) override {
    absl::MutexLock lock(&mutex_);
    const auto it = partial_.find(digest);
    return it == partial_.end() ? 0 : static_cast<int64_t>(it->second.size());
  }

  absl::StatusOr<std::string> Read(const std::string& digest, int64_t offset,
                                   int64_t length) override {
    absl::MutexLock lock(&mutex_);
    const auto it = blobs_.find(digest);
    if (it == blobs_.end()) return absl::NotFoundError("no blob " + digest);
    const int64_t size = static_cast<int64_t>(it->second.size());
    if (offset < 0 || length < 0 || offset > size || length > size - offset) {
      return absl::OutOfRangeError("past the end of blob " + digest);
    }
    return it->second.substr(offset, length);
  }

  absl::StatusOr<int64_t> Size(const std::string& digest) override {
    absl::MutexLock lock(&mutex_);
    const auto it = blobs_.find(digest);
    if (it == blobs_.end()) return absl::NotFoundError("no blob " + digest);
    return static_cast<int64_t>(it->second.size());
  }

  absl::StatusOr<std::string> ReadVerified(const std::string& digest) override {
    absl::MutexLock lock(&mutex_);
    const auto it = blobs_.find(digest);
    if (it == blobs_.end()) return absl::NotFoundError("no blob " + digest);
    if (Sha256Hex(it->second) != digest) {
      return absl::DataLossError("blob " + digest + " is damaged");
    }
    return it->second;
  }

  absl::Status Verify(const std::string& digest) override {
    return ReadVerified(digest).status();
  }

  absl::StatusOr<std::vector<std::string>> List() override {
    absl::MutexLock lock(&mutex_);
    std::vector<std::string> digests;
    for (const auto& [digest, bytes] : blobs_) digests.push_back(digest);
    return digests;
  }

  // Takes every unfinished upload for one that was touched in 1970.
  absl::StatusOr<int> RemovePartials(absl::Time before) override {
    absl::MutexLock lock(&mutex_);
    if (before <= absl::UnixEpoch()) return 0;
    int count = 0;
    for (auto it = partial_.begin(); it != partial_.end();) {
      const bool open = open_.count(it->first) > 0;
      it = open ? std::next(it) : partial_.erase(it);
      count += !open;
    }
    return count;
  }

  absl::Status Delete(const std::string& digest) override {
    absl::MutexLock lock(&mutex_);
    if (open_.count(digest) > 0) return absl::AbortedError("being open");
    partial_.erase(digest);
    blobs_.erase(digest);
    return absl::OkStatus();
  }

  absl::StatusOr<int64_t> FreeBytes() override {
    absl::MutexLock lock(&mutex_);
    return free_bytes_;
  }

  // What FreeBytes returns; nothing else looks at it.
  void SetFreeBytes(int64_t bytes) {
    absl::MutexLock lock(&mutex_);
    free_bytes_ = bytes;
  }
  // Flips a bit of the stored blob, which is there and not empty.
  void Damage(const std::string& digest) {
    absl::MutexLock lock(&mutex_);
    blobs_.at(digest).at(0) ^= 1;
  }

 private:
  class Writer : public BlobWriter {
   public:
    Writer(MemoryBlobStore& store, std::string digest)
        : store_(store), digest_(std::move(digest)) {}
    ~Writer() override {
      absl::MutexLock lock(&store_.mutex_);
      store_.open_.erase(digest_);
    }
    int64_t size() const override { return store_.PartialSize(digest_); }
    absl::Status Append(std::string_view data) override {
      absl::MutexLock lock(&store_.mutex_);
      store_.partial_[digest_] += data;
      return absl::OkStatus();
    }
    absl::Status Finish() override {
      absl::MutexLock lock(&store_.mutex_);
      std::string data = std::move(store_.partial_[digest_]);
      store_.partial_.erase(digest_);
      if (Sha256Hex(data) != digest_) {
        return absl::DataLossError("the bytes have another digest");
      }
      store_.blobs_[digest_] = std::move(data);
      return absl::OkStatus();
    }

   private:
    MemoryBlobStore& store_;
    const std::string digest_;
  };

  mutable absl::Mutex mutex_;
  std::map<std::string, std::string> blobs_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::string> partial_ ABSL_GUARDED_BY(mutex_);
  std::set<std::string> open_ ABSL_GUARDED_BY(mutex_);
  int64_t free_bytes_ ABSL_GUARDED_BY(mutex_) = int64_t{1} << 40;
};

}  // namespace keel::testing

#endif  // KEEL_TESTS_TESTING_MEMORY_BLOB_STORE_H_
