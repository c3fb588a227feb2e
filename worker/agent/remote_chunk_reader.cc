#include "worker/agent/remote_chunk_reader.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/file_system.h"
#include "common/log.h"
#include "common/status_macros.h"

namespace keel {

RemoteChunkReader::RemoteChunkReader(BlobCache& cache, BlobFetcher& fetcher,
                                     std::map<std::string, int64_t> sizes,
                                     const absl::Notification& stop,
                                     BlobCache::OnBytes on_bytes)
    : cache_(cache),
      fetcher_(fetcher),
      sizes_(std::move(sizes)),
      stop_(stop),
      on_bytes_(std::move(on_bytes)) {}

absl::StatusOr<std::string> RemoteChunkReader::Read(
    const std::string& chunk_digest, int64_t offset, int64_t length) {
  KEEL_ASSIGN_OR_RETURN(const std::shared_ptr<BlobCache::Pin> pin,
                        Locate(chunk_digest));
  if (pin == nullptr) return ReadRemotely(chunk_digest, offset, length);
  KEEL_ASSIGN_OR_RETURN(const auto file, RandomAccessFile::Open(pin->path()));
  return file->Read(offset, length);
}

absl::StatusOr<std::shared_ptr<BlobCache::Pin>> RemoteChunkReader::Locate(
    const std::string& digest) {
  {
    absl::MutexLock lock(&mu_);
    const auto known = chunks_.find(digest);
    if (known != chunks_.end()) return known->second;
  }
  KEEL_ASSIGN_OR_RETURN(std::shared_ptr<BlobCache::Pin> pin, Bring(digest));
  absl::MutexLock lock(&mu_);
  return chunks_.emplace(digest, std::move(pin)).first->second;
}

absl::StatusOr<std::shared_ptr<BlobCache::Pin>> RemoteChunkReader::Bring(
    const std::string& digest) {
  const auto size = sizes_.find(digest);
  auto pin = cache_.Get(digest, size == sizes_.end() ? -1 : size->second, stop_,
                        on_bytes_);
  if (pin.ok()) return std::shared_ptr<BlobCache::Pin>(std::move(*pin));
  if (!absl::IsResourceExhausted(pin.status())) return pin.status();
  LogWarning(
      "a chunk does not fit into the cache and is read by range",
      {{"chunk", digest}, {"reason", std::string(pin.status().message())}});
  return nullptr;
}

absl::StatusOr<std::string> RemoteChunkReader::ReadRemotely(
    const std::string& digest, int64_t offset, int64_t length) {
  std::string bytes;
  if (length == 0) return bytes;
  bytes.reserve(length);
  KEEL_RETURN_IF_ERROR(
      fetcher_.Fetch(digest, offset, length, stop_, [&](std::string_view data) {
        if (on_bytes_) on_bytes_();
        bytes.append(data);
        return absl::OkStatus();
      }));
  return bytes;
}

}  // namespace keel
