#include "coordinator/store/directory_blob_store.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/file_system.h"
#include "common/ids.h"
#include "common/reason.h"
#include "common/sha256.h"
#include "common/status_macros.h"
#include "coordinator/store/blob_paths.h"
#include "coordinator/store/crash_point.h"

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

absl::Status Damaged(const std::string& path) {
  return absl::DataLossError(
      absl::StrCat(path, " is damaged: its bytes have another digest"));
}

// Moves a whole, synced file to its place for good.
absl::Status PublishFile(FileSystem& files, const std::string& root,
                         const std::string& from, const std::string& digest) {
  KEEL_RETURN_IF_ERROR(files.CreateDirectories(BlobFolder(root, digest)));
  // Whoever made the blob's folder may not have synced it yet.
  KEEL_RETURN_IF_ERROR(files.SyncDirectory(BlobsFolder(root)));
  ReachCrashPoint(kBlobSynced);
  KEEL_RETURN_IF_ERROR(files.RenameDurably(from, BlobPath(root, digest)));
  ReachCrashPoint(kBlobStored);
  return absl::OkStatus();
}

absl::Status WriteSynced(FileSystem& files, const std::string& path,
                         std::string_view data) {
  KEEL_ASSIGN_OR_RETURN(const auto file, files.OpenAppendable(path));
  KEEL_RETURN_IF_ERROR(file->Append(data));
  ReachCrashPoint(kBlobWritten);
  return file->Sync();
}

// Gives the file's bytes to `sha`.
absl::Status HashFile(FileSystem& files, const std::string& path, Sha256* sha) {
  KEEL_ASSIGN_OR_RETURN(const auto file, files.OpenRandomAccess(path));
  for (int64_t at = 0; at < file->size(); at += kReadBytes) {
    const int64_t length = std::min(kReadBytes, file->size() - at);
    KEEL_ASSIGN_OR_RETURN(const std::string piece, file->Read(at, length));
    sha->Update(piece);
  }
  return absl::OkStatus();
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
  Writer(std::unique_ptr<Claim> claim, FileSystem& files,
         const std::string& root, std::string digest,
         std::unique_ptr<AppendableFile> file, Sha256 sha)
      : claim_(std::move(claim)),
        files_(files),
        root_(root),
        digest_(std::move(digest)),
        file_(std::move(file)),
        sha_(std::move(sha)) {}

  int64_t size() const override { return file_->size(); }
  absl::Status Append(std::string_view data) override;
  absl::Status Finish() override;

 private:
  const std::unique_ptr<Claim> claim_;
  FileSystem& files_;
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
  ReachCrashPoint(kBlobAppend);
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
    ReachCrashPoint(kBlobWritten);
    if (const absl::Status synced = file_->Sync(); !synced.ok()) {
      // The system tells of it once, and its cache still shows the bytes: a
      // later try would take them for durable.
      files_.RemoveFile(path).IgnoreError();
      return synced;
    }
    return PublishFile(files_, root_, path, digest_);
  }
  KEEL_RETURN_IF_ERROR(files_.RemoveFile(path));
  return WithReason(
      absl::DataLossError(absl::StrCat(
          "the ", file_->size(), " bytes uploaded as ", digest_,
          " have the digest ", actual, "; the upload was removed")),
      {"DIGEST_MISMATCH", {{"digest", digest_}, {"actual", actual}}});
}

DirectoryBlobStore::DirectoryBlobStore(const Options& options)
    : root_(options.path), files_(*options.file_system) {}

absl::StatusOr<std::unique_ptr<BlobStore>> DirectoryBlobStore::Open(
    const Options& options) {
  std::unique_ptr<DirectoryBlobStore> store(new DirectoryBlobStore(options));
  KEEL_RETURN_IF_ERROR(store->Prepare());
  return store;
}

absl::Status DirectoryBlobStore::Prepare() {
  const std::string blobs = BlobsFolder(root_);
  const std::string partial = PartialFolder(root_);
  KEEL_RETURN_IF_ERROR(files_.CreateDirectories(blobs));
  KEEL_RETURN_IF_ERROR(files_.CreateDirectories(partial));
  KEEL_ASSIGN_OR_RETURN(const auto names, files_.ListDirectory(partial));
  for (const std::string& name : names) {
    if (!IsTemporaryName(name)) continue;
    KEEL_RETURN_IF_ERROR(files_.RemoveFile(JoinPath(partial, name)));
  }
  // A process that was killed may have made a folder, or renamed a blob,
  // without syncing the name: whoever finds it from now on relies on it.
  KEEL_ASSIGN_OR_RETURN(const auto folders, files_.ListDirectory(blobs));
  for (const std::string& folder : folders) {
    if (!IsBlobFolderName(folder)) continue;
    KEEL_RETURN_IF_ERROR(files_.SyncDirectory(JoinPath(blobs, folder)));
  }
  KEEL_RETURN_IF_ERROR(files_.SyncDirectory(blobs));
  KEEL_RETURN_IF_ERROR(files_.SyncDirectory(root_));
  return files_.SyncDirectory(ParentFolder(root_));
}

absl::StatusOr<std::unique_ptr<DirectoryBlobStore::Claim>>
DirectoryBlobStore::TakeClaim(const std::string& digest) {
  KEEL_RETURN_IF_ERROR(CheckDigest(digest));
  absl::MutexLock lock(&mutex_);
  if (!claimed_.insert(digest).second) {
    return WithReason(absl::AbortedError(absl::StrCat("another upload of ",
                                                      digest, " is going on")),
                      {"UPLOAD_BUSY", {{"digest", digest}}});
  }
  return std::make_unique<Claim>(*this, digest);
}

absl::StatusOr<std::unique_ptr<BlobWriter>> DirectoryBlobStore::OpenWriter(
    const std::string& digest, bool restart) {
  KEEL_ASSIGN_OR_RETURN(auto claim, TakeClaim(digest));
  const std::string path = PartialPath(root_, digest);
  if (restart) KEEL_RETURN_IF_ERROR(files_.RemoveFile(path));
  KEEL_ASSIGN_OR_RETURN(auto file, files_.OpenAppendable(path));
  Sha256 sha;
  KEEL_RETURN_IF_ERROR(HashFile(files_, path, &sha));
  return std::make_unique<Writer>(std::move(claim), files_, root_, digest,
                                  std::move(file), std::move(sha));
}

absl::StatusOr<std::string> DirectoryBlobStore::Put(std::string_view data) {
  const std::string digest = Sha256Hex(data);
  if (ReadVerified(digest).ok()) {
    // Another thread may have renamed it without having synced the folder.
    KEEL_RETURN_IF_ERROR(files_.SyncDirectory(BlobFolder(root_, digest)));
    return digest;
  }
  // It is missing, or a damaged copy that is written anew.
  const std::string temporary = TemporaryPath(root_, digest, RandomId());
  absl::Status status = WriteSynced(files_, temporary, data);
  if (status.ok()) status = PublishFile(files_, root_, temporary, digest);
  if (status.ok()) return digest;
  // The first error is the one to tell.
  files_.RemoveFile(temporary).IgnoreError();
  return status;
}

int64_t DirectoryBlobStore::PartialSize(const std::string& digest) {
  if (!IsSha256Hex(digest)) return 0;
  return files_.FileSize(PartialPath(root_, digest)).value_or(0);
}

absl::StatusOr<std::string> DirectoryBlobStore::Read(const std::string& digest,
                                                     int64_t offset,
                                                     int64_t length) {
  KEEL_RETURN_IF_ERROR(CheckDigest(digest));
  const auto file = files_.OpenRandomAccess(BlobPath(root_, digest));
  if (absl::IsNotFound(file.status())) return NoBlob(digest);
  KEEL_RETURN_IF_ERROR(file.status());
  return (*file)->Read(offset, length);
}

absl::StatusOr<int64_t> DirectoryBlobStore::Size(const std::string& digest) {
  KEEL_RETURN_IF_ERROR(CheckDigest(digest));
  const auto size = files_.FileSize(BlobPath(root_, digest));
  return absl::IsNotFound(size.status()) ? NoBlob(digest) : size;
}

absl::StatusOr<std::string> DirectoryBlobStore::ReadVerified(
    const std::string& digest) {
  KEEL_RETURN_IF_ERROR(CheckDigest(digest));
  const std::string path = BlobPath(root_, digest);
  const auto file = files_.OpenRandomAccess(path);
  if (absl::IsNotFound(file.status())) return NoBlob(digest);
  KEEL_RETURN_IF_ERROR(file.status());
  KEEL_ASSIGN_OR_RETURN(std::string data, (*file)->Read(0, (*file)->size()));
  if (Sha256Hex(data) == digest) return data;
  return Damaged(path);
}

absl::Status DirectoryBlobStore::Verify(const std::string& digest) {
  KEEL_RETURN_IF_ERROR(CheckDigest(digest));
  const std::string path = BlobPath(root_, digest);
  Sha256 sha;
  const absl::Status read = HashFile(files_, path, &sha);
  if (absl::IsNotFound(read)) return NoBlob(digest);
  KEEL_RETURN_IF_ERROR(read);
  if (ToHex(sha.Finish()) != digest) return Damaged(path);
  // Whoever renamed it may not have synced the folder yet, or failed to.
  return files_.SyncDirectory(BlobFolder(root_, digest));
}

absl::StatusOr<std::vector<std::string>> DirectoryBlobStore::List() {
  const std::string root = BlobsFolder(root_);
  KEEL_ASSIGN_OR_RETURN(const auto folders, files_.ListDirectory(root));
  std::vector<std::string> digests;
  for (const std::string& folder : folders) {
    KEEL_ASSIGN_OR_RETURN(const auto names,
                          files_.ListDirectory(JoinPath(root, folder)));
    std::copy_if(names.begin(), names.end(), std::back_inserter(digests),
                 IsSha256Hex);
  }
  return digests;
}

absl::StatusOr<int> DirectoryBlobStore::RemovePartials(absl::Time before) {
  KEEL_ASSIGN_OR_RETURN(const auto names,
                        files_.ListDirectory(PartialFolder(root_)));
  // One that ended meanwhile is none of them.
  const auto is_old = [&](const std::string& path) {
    return files_.ModificationTime(path).value_or(absl::InfiniteFuture()) <
           before;
  };
  int count = 0;
  for (const std::string& name : names) {
    // A small blob on its way has another name.
    if (!IsSha256Hex(name)) continue;
    const std::string path = PartialPath(root_, name);
    // Only what looks old is claimed, so that nobody finds a new upload busy.
    if (!is_old(path)) continue;
    const auto claim = TakeClaim(name);
    if (!claim.ok() || !is_old(path)) continue;
    KEEL_RETURN_IF_ERROR(files_.RemoveFile(path));
    ++count;
  }
  return count;
}

absl::Status DirectoryBlobStore::Delete(const std::string& digest) {
  KEEL_ASSIGN_OR_RETURN(const auto claim, TakeClaim(digest));
  KEEL_RETURN_IF_ERROR(files_.RemoveFile(PartialPath(root_, digest)));
  return files_.RemoveFile(BlobPath(root_, digest));
}

absl::StatusOr<int64_t> DirectoryBlobStore::FreeBytes() {
  return files_.FreeDiskBytes(root_);
}

}  // namespace keel
