#include "coordinator/store/blob_paths.h"

#include "common/file_system.h"

namespace keel {
namespace {

constexpr std::string_view kTemporarySuffix = ".tmp";
// First digits of a digest, which name the folder that its blob lies in.
constexpr size_t kFolderDigits = 2;

}  // namespace

std::string BlobsFolder(const std::string& root) {
  return JoinPath(root, "blobs");
}

std::string PartialFolder(const std::string& root) {
  return JoinPath(root, "partial");
}

std::string BlobFolder(const std::string& root, const std::string& digest) {
  return JoinPath(BlobsFolder(root), digest.substr(0, kFolderDigits));
}

std::string BlobPath(const std::string& root, const std::string& digest) {
  return JoinPath(BlobFolder(root, digest), digest);
}

bool IsBlobFolderName(std::string_view name) {
  return name.size() == kFolderDigits &&
         name.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

std::string PartialPath(const std::string& root, const std::string& digest) {
  return JoinPath(PartialFolder(root), digest);
}

std::string TemporaryPath(const std::string& root, const std::string& digest,
                          const std::string& unique) {
  return PartialPath(root, digest) + "." + unique +
         std::string(kTemporarySuffix);
}

bool IsTemporaryName(std::string_view name) {
  return name.ends_with(kTemporarySuffix);
}

}  // namespace keel
