#include "coordinator/store/directory_blob_store.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/file_system.h"
#include "common/ids.h"
#include "common/sha256.h"
#include "common/status_macros.h"
#include "coordinator/store/blob_paths.h"

namespace keel {
namespace {

constexpr int64_t kReadBytes = int64_t{1} << 20;

absl::Status CheckDigest(const std::string& digest) {
  if (IsSha256Hex(digest)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", digest, "\" is no SHA-256 of 64 lower-case hexadecimal digits"));
}

absl::Status NoBlob(const std::string& digest) {
  return absl::NotFoundError(absl::StrCat("no blob ", digest));
}

// Moves a whole, synced file to its place for good.
absl::Status PublishFile(const std::string& root, const std::string& from,
                         const std::string& digest) {
  KEEL_RETURN_IF_ERROR(CreateDirectories(BlobFolder(root, digest)));
  // Whoever made the blob's folder may not have synced it yet.
  KEEL_RETURN_IF_ERROR(SyncDirectory(BlobsFolder(root)));
  return RenameDurably(from, BlobPath(root, digest));
}

absl::Status WriteSynced(const std::string& path, std::string_view data) {
  KEEL_ASSIGN_OR_RETURN(const auto file, AppendableFile::Open(path));
  KEEL_RETURN_IF_ERROR(file->Append(data));
  return file->Sync();
}

// Gives the file's bytes to `sha`; returns how many they are.
absl::StatusOr<int64_t> HashFile(const std::string& path, Sha256* sha) {
  KEEL_ASSIGN_OR_RETURN(const auto file, RandomAccessFile::Open(path));
  for (int64_t at = 0; at < file->size(); at += kReadBytes) {
    const int64_t length = std::min(kReadBytes, file->size() - at);
    KEEL_ASSIGN_OR_RETURN(const std::string piece, file->Read(at, length));
    sha->Update(piece);
  }
  return file->size();
}

}  // namespace

class DirectoryBlobStore::Claim {
 public:
  Claim(DirectoryBlobStore& store, std::string digest)
      : store_(store), digest_(std::move(digest)) {}
  ~Claim() {
    absl::MutexLock lock(&store_.mutex_);
    store_.claimed_.erase(digest_);
  }
  Claim(const Claim&) = delete;
  Claim& operator=(const Claim&) = delete;

 private:
  DirectoryBlobStore& store_;
  const std::string digest_;
};

class DirectoryBlobStore::Writer : public BlobWriter {
 public:
  // `sha` has the bytes that `file` has.
  Writer(std::unique_ptr<Claim> claim, const std::string& root,
         std::string digest, std::unique_ptr<AppendableFile> file, Sha256 sha)
      : claim_(std::move(claim)),
        root_(root),
        digest_(std::move(digest)),
        file_(std::move(file)),
        sha_(std::move(sha)) {}

  int64_t size() const override { return file_->size(); }
  absl::Status Append(std::string_view data) override;
  absl::Status Finish() override;

 private:
  const std::unique_ptr<Claim> claim_;
  const std::string root_;
  const std::string digest_;
  const std::unique_ptr<AppendableFile> file_;
  Sha256 sha_;
  bool finished_ = false;
};

absl::Status DirectoryBlobStore::Writer::Append(std::string_view data) {
  if (finished_) {
    return absl::FailedPreconditionError("the upload was finished");
  }
  // Nothing is kept of an append that failed, so that it may be tried again.
  KEEL_RETURN_IF_ERROR(file_->Append(data));
  sha_.Update(data);
  return absl::OkStatus();
}

absl::Status DirectoryBlobStore::Writer::Finish() {
  if (std::exchange(finished_, true)) {
    return absl::FailedPreconditionError("the upload was finished");
  }
  const std::string path = PartialPath(root_, digest_);
  const std::string actual = ToHex(sha_.Finish());
  if (actual == digest_) {
    KEEL_RETURN_IF_ERROR(file_->Sync());
    return PublishFile(root_, path, digest_);
  }
  KEEL_RETURN_IF_ERROR(RemoveFile(path));
  return absl::DataLossError(
      absl::StrCat("the ", file_->size(), " bytes uploaded as ", digest_,
                   " have the digest ", actual, "; the upload was removed"));
}

DirectoryBlobStore::DirectoryBlobStore(std::string root)
    : root_(std::move(root)) {}

absl::StatusOr<std::unique_ptr<BlobStore>> DirectoryBlobStore::Open(
    const Options& options) {
  KEEL_RETURN_IF_ERROR(CreateDirectories(BlobsFolder(options.path)));
  const std::string partial = PartialFolder(options.path);
  KEEL_RETURN_IF_ERROR(CreateDirectories(partial));
  KEEL_ASSIGN_OR_RETURN(const auto names, ListDirectory(partial));
  for (const std::string& name : names) {
    if (!IsTemporaryName(name)) continue;
    KEEL_RETURN_IF_ERROR(RemoveFile(JoinPath(partial, name)));
  }
  return std::unique_ptr<BlobStore>(new DirectoryBlobStore(options.path));
}

absl::StatusOr<std::unique_ptr<DirectoryBlobStore::Claim>>
DirectoryBlobStore::TakeClaim(const std::string& digest) {
  KEEL_RETURN_IF_ERROR(CheckDigest(digest));
  absl::MutexLock lock(&mutex_);
  if (!claimed_.insert(digest).second) {
    return absl::AbortedError(
        absl::StrCat("another upload of ", digest, " is going on"));
  }
  return std::make_unique<Claim>(*this, digest);
}

absl::StatusOr<std::unique_ptr<BlobWriter>> DirectoryBlobStore::OpenWriter(
    const std::string& digest, bool restart) {
  KEEL_ASSIGN_OR_RETURN(auto claim, TakeClaim(digest));
  const std::string path = PartialPath(root_, digest);
  if (restart) KEEL_RETURN_IF_ERROR(RemoveFile(path));
  KEEL_ASSIGN_OR_RETURN(auto file, AppendableFile::Open(path));
  Sha256 sha;
  KEEL_RETURN_IF_ERROR(HashFile(path, &sha).status());
  return std::make_unique<Writer>(std::move(claim), root_, digest,
                                  std::move(file), std::move(sha));
}

absl::StatusOr<std::string> DirectoryBlobStore::Put(std::string_view data) {
  const std::string digest = Sha256Hex(data);
  // A damaged copy is written anew.
  if (ReadVerified(digest).ok()) return digest;
  const std::string temporary = TemporaryPath(root_, digest, RandomId());
  absl::Status status = WriteSynced(temporary, data);
  if (status.ok()) status = PublishFile(root_, temporary, digest);
  if (status.ok()) return digest;
  // The first error is the one to tell.
  RemoveFile(temporary).IgnoreError();
  return status;
}

bool DirectoryBlobStore::Contains(const std::string& digest) {
  return IsSha256Hex(digest) && FileExists(BlobPath(root_, digest));
}

int64_t DirectoryBlobStore::PartialSize(const std::string& digest) {
  if (!IsSha256Hex(digest)) return 0;
  return FileSize(PartialPath(root_, digest)).value_or(0);
}

absl::StatusOr<std::string> DirectoryBlobStore::Read(const std::string& digest,
                                                     int64_t offset,
                                                     int64_t length) {
  KEEL_RETURN_IF_ERROR(CheckDigest(digest));
  const auto file = RandomAccessFile::Open(BlobPath(root_, digest));
  if (absl::IsNotFound(file.status())) return NoBlob(digest);
  KEEL_RETURN_IF_ERROR(file.status());
  return (*file)->Read(offset, length);
}

absl::StatusOr<int64_t> DirectoryBlobStore::Size(const std::string& digest) {
  KEEL_RETURN_IF_ERROR(CheckDigest(digest));
  const auto size = FileSize(BlobPath(root_, digest));
  return absl::IsNotFound(size.status()) ? NoBlob(digest) : size;
}

absl::StatusOr<std::string> DirectoryBlobStore::ReadVerified(
    const std::string& digest) {
  KEEL_RETURN_IF_ERROR(CheckDigest(digest));
  const std::string path = BlobPath(root_, digest);
  auto data = ReadFile(path);
  if (absl::IsNotFound(data.status())) return NoBlob(digest);
  KEEL_RETURN_IF_ERROR(data.status());
  if (Sha256Hex(*data) == digest) return data;
  return absl::DataLossError(absl::StrCat(
      path, " is damaged: its ", data->size(), " bytes have another digest"));
}

absl::Status DirectoryBlobStore::Delete(const std::string& digest) {
  KEEL_ASSIGN_OR_RETURN(const auto claim, TakeClaim(digest));
  KEEL_RETURN_IF_ERROR(RemoveFile(PartialPath(root_, digest)));
  return RemoveFile(BlobPath(root_, digest));
}

absl::StatusOr<int64_t> DirectoryBlobStore::FreeBytes() {
  return FreeDiskBytes(root_);
}

}  // namespace keel
