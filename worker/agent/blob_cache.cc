#include "worker/agent/blob_cache.h"

#include <algorithm>
#include <filesystem>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/log.h"
#include "common/sha256.h"
#include "common/status_macros.h"
#include "worker/agent/file_digest.h"

namespace keel {
namespace {

constexpr char kPartSuffix[] = ".part";

std::filesystem::file_time_type ChangeTime(const std::string& path) {
  std::error_code error;
  return std::filesystem::last_write_time(path, error);
}

// So that the order of use survives a restart.
void Touch(const std::string& path) {
  std::error_code error;
  std::filesystem::last_write_time(
      path, std::filesystem::file_time_type::clock::now(), error);
}

}  // namespace

absl::Status BlobCache::Options::Validate() const {
  if (directory.empty()) {
    return absl::InvalidArgumentError("blob cache: no directory");
  }
  if (capacity_bytes <= 0) {
    return absl::InvalidArgumentError(
        "blob cache: capacity_bytes must be positive");
  }
  return absl::OkStatus();
}

BlobCache::Pin::Pin(BlobCache& cache, std::string digest, std::string path)
    : cache_(cache), digest_(std::move(digest)), path_(std::move(path)) {}

BlobCache::Pin::~Pin() { cache_.Unpin(digest_); }

BlobCache::BlobCache(const Options& options, BlobFetcher& fetcher)
    : options_(options), fetcher_(fetcher) {}

absl::StatusOr<std::unique_ptr<BlobCache>> BlobCache::Open(
    const Options& options, BlobFetcher& fetcher) {
  KEEL_RETURN_IF_ERROR(options.Validate());
  KEEL_RETURN_IF_ERROR(CreateDirectories(options.directory));
  KEEL_ASSIGN_OR_RETURN(std::vector<std::string> names,
                        ListDirectory(options.directory));
  std::stable_sort(names.begin(), names.end(),
                   [&](const std::string& a, const std::string& b) {
                     return ChangeTime(JoinPath(options.directory, a)) <
                            ChangeTime(JoinPath(options.directory, b));
                   });
  std::unique_ptr<BlobCache> cache(new BlobCache(options, fetcher));
  cache->Scan(names);
  absl::MutexLock lock(&cache->mu_);
  KEEL_RETURN_IF_ERROR(cache->MakeRoom(0));
  return cache;
}

void BlobCache::Scan(const std::vector<std::string>& names) {
  absl::MutexLock lock(&mu_);
  for (const std::string& name : names) {
    const std::string digest(absl::StripSuffix(name, kPartSuffix));
    const auto size = FileSize(JoinPath(options_.directory, name));
    if (!IsSha256Hex(digest) || !size.ok()) continue;
    Entry& entry = entries_[digest];
    entry.state = digest == name ? State::kUnverified : State::kPartial;
    entry.size = *size;
    entry.last_use = ++uses_;
    used_ += *size;
  }
}

std::string BlobCache::PathOf(const std::string& digest) const {
  return JoinPath(options_.directory, digest);
}

std::string BlobCache::PartOf(const std::string& digest) const {
  return absl::StrCat(PathOf(digest), kPartSuffix);
}

int64_t BlobCache::used_bytes() const {
  absl::MutexLock lock(&mu_);
  return used_;
}

std::unique_ptr<BlobCache::Pin> BlobCache::PinLocked(
    const std::string& digest) {
  Entry& entry = entries_[digest];
  ++entry.pins;
  entry.last_use = ++uses_;
  Touch(PathOf(digest));
  return std::make_unique<Pin>(*this, digest, PathOf(digest));
}

void BlobCache::Unpin(const std::string& digest) {
  absl::MutexLock lock(&mu_);
  --entries_[digest].pins;
}

absl::StatusOr<std::unique_ptr<BlobCache::Pin>> BlobCache::Get(
    const std::string& digest, int64_t size_bytes,
    const absl::Notification& stop, const OnBytes& on_bytes) {
  if (!IsSha256Hex(digest)) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", digest, "\" is no digest"));
  }
  std::shared_ptr<Transfer> transfer;
  bool mine = false;
  State state;
  {
    absl::MutexLock lock(&mu_);
    Entry& entry = entries_[digest];
    if (entry.state == State::kReady && FileExists(PathOf(digest))) {
      return PinLocked(digest);
    }
    mine = entry.busy == nullptr;
    if (mine) entry.busy = std::make_shared<Transfer>();
    transfer = entry.busy;
    state = entry.state;
  }
  if (!mine) {
    transfer->done.WaitForNotification();
    KEEL_RETURN_IF_ERROR(transfer->status);
    return Get(digest, size_bytes, stop, on_bytes);
  }
  transfer->status = Prepare(digest, state, size_bytes, stop, on_bytes);
  absl::MutexLock lock(&mu_);
  entries_[digest].busy = nullptr;
  transfer->done.Notify();
  KEEL_RETURN_IF_ERROR(transfer->status);
  return PinLocked(digest);
}

absl::Status BlobCache::Prepare(const std::string& digest, State state,
                                int64_t size_bytes,
                                const absl::Notification& stop,
                                const OnBytes& on_bytes) {
  if (state == State::kUnverified) {
    const absl::Status verified = Verify(digest, stop);
    if (verified.ok() || absl::IsCancelled(verified)) return verified;
    LogWarning("a cached blob is fetched again",
               {{"blob", digest}, {"error", std::string(verified.message())}});
  }
  // A file that someone deleted from under us counts as absent.
  if (state == State::kUnverified || state == State::kReady) {
    KEEL_RETURN_IF_ERROR(Discard(digest));
  }
  return Download(digest, size_bytes, stop, on_bytes);
}

absl::Status BlobCache::Verify(const std::string& digest,
                               const absl::Notification& stop) {
  Sha256 hash;
  KEEL_RETURN_IF_ERROR(UpdateFromFile(PathOf(digest), stop, hash));
  if (ToHex(hash.Finish()) != digest) {
    return absl::DataLossError(absl::StrCat(PathOf(digest), " is damaged"));
  }
  SetState(digest, State::kReady);
  return absl::OkStatus();
}

void BlobCache::SetState(const std::string& digest, State state) {
  absl::MutexLock lock(&mu_);
  entries_[digest].state = state;
}

absl::Status BlobCache::Discard(const std::string& digest) {
  KEEL_RETURN_IF_ERROR(RemoveFile(PathOf(digest)));
  KEEL_RETURN_IF_ERROR(RemoveFile(PartOf(digest)));
  absl::MutexLock lock(&mu_);
  Entry& entry = entries_[digest];
  used_ -= entry.size;
  entry.size = 0;
  entry.state = State::kAbsent;
  return absl::OkStatus();
}

absl::Status BlobCache::Download(const std::string& digest, int64_t size_bytes,
                                 const absl::Notification& stop,
                                 const OnBytes& on_bytes) {
  const bool resumed = FileExists(PartOf(digest));
  absl::Status status = DownloadRest(digest, size_bytes, stop, on_bytes);
  // The damage may be in what an earlier process left.
  if (resumed && (absl::IsDataLoss(status) || absl::IsOutOfRange(status))) {
    KEEL_RETURN_IF_ERROR(Discard(digest));
    status = DownloadRest(digest, size_bytes, stop, on_bytes);
  }
  if (status.ok() || IsTransient(status) || absl::IsCancelled(status)) {
    return status;
  }
  Discard(digest).IgnoreError();
  return status;
}

absl::Status BlobCache::DownloadRest(const std::string& digest,
                                     int64_t size_bytes,
                                     const absl::Notification& stop,
                                     const OnBytes& on_bytes) {
  // Someone may have deleted the folder too.
  KEEL_RETURN_IF_ERROR(CreateDirectories(options_.directory));
  KEEL_ASSIGN_OR_RETURN(auto file, AppendableFile::Open(PartOf(digest)));
  SetState(digest, State::kPartial);
  Sha256 hash;
  KEEL_RETURN_IF_ERROR(UpdateFromFile(PartOf(digest), stop, hash));
  if (size_bytes < 0 || file->size() < size_bytes) {
    {
      absl::MutexLock lock(&mu_);
      KEEL_RETURN_IF_ERROR(
          MakeRoom(std::max<int64_t>(size_bytes - file->size(), 0)));
    }
    KEEL_RETURN_IF_ERROR(fetcher_.Fetch(
        digest, file->size(), 0, stop, [&](std::string_view data) {
          if (on_bytes) on_bytes();
          KEEL_RETURN_IF_ERROR(Reserve(digest, data.size()));
          hash.Update(data);
          return file->Append(data);
        }));
  }
  if (ToHex(hash.Finish()) != digest ||
      (size_bytes >= 0 && file->size() != size_bytes)) {
    return absl::DataLossError(
        absl::StrCat("blob ", digest, ": the ", file->size(),
                     " bytes received have another digest or size"));
  }
  KEEL_RETURN_IF_ERROR(file->Sync());
  KEEL_RETURN_IF_ERROR(RenameDurably(PartOf(digest), PathOf(digest)));
  SetState(digest, State::kReady);
  return absl::OkStatus();
}

absl::Status BlobCache::Reserve(const std::string& digest, int64_t bytes) {
  absl::MutexLock lock(&mu_);
  KEEL_RETURN_IF_ERROR(MakeRoom(bytes));
  entries_[digest].size += bytes;
  used_ += bytes;
  return absl::OkStatus();
}

absl::Status BlobCache::MakeRoom(int64_t bytes) {
  while (used_ + bytes > options_.capacity_bytes) {
    auto oldest = entries_.end();
    for (auto it = entries_.begin(); it != entries_.end(); ++it) {
      const Entry& entry = it->second;
      if (entry.pins > 0 || entry.busy != nullptr) continue;
      if (oldest == entries_.end() ||
          entry.last_use < oldest->second.last_use) {
        oldest = it;
      }
    }
    if (oldest == entries_.end()) {
      return absl::ResourceExhaustedError(
          absl::StrCat("the cache's bound of ", options_.capacity_bytes,
                       " bytes is used up by blobs in use"));
    }
    KEEL_RETURN_IF_ERROR(RemoveFile(PathOf(oldest->first)));
    KEEL_RETURN_IF_ERROR(RemoveFile(PartOf(oldest->first)));
    used_ -= oldest->second.size;
    entries_.erase(oldest);
  }
  return absl::OkStatus();
}

}  // namespace keel
