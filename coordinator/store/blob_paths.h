// Every name in a blob directory, and nothing else:
//   blobs/ab/abcdef...   a blob, whole and durable, by its SHA-256
//   partial/abcdef...    an upload that is not finished
//   partial/*.tmp        a small blob on its way; of no use after a crash
// Never change them: a newer program finds what an older one left. Thread-safe.
#ifndef KEEL_COORDINATOR_STORE_BLOB_PATHS_H_
#define KEEL_COORDINATOR_STORE_BLOB_PATHS_H_

#include <string>
#include <string_view>

namespace keel {

// `root` is the blob directory; `digest` is 64 hexadecimal digits.
std::string BlobsFolder(const std::string& root);
std::string PartialFolder(const std::string& root);
// The folder that BlobPath lies in.
std::string BlobFolder(const std::string& root, const std::string& digest);
std::string BlobPath(const std::string& root, const std::string& digest);
// True for the names of such folders in BlobsFolder.
bool IsBlobFolderName(std::string_view name);
std::string PartialPath(const std::string& root, const std::string& digest);
// `unique` tells temporary files of one digest apart.
std::string TemporaryPath(const std::string& root, const std::string& digest,
                          const std::string& unique);
bool IsTemporaryName(std::string_view name);

}  // namespace keel

#endif  // KEEL_COORDINATOR_STORE_BLOB_PATHS_H_
