// Tar archives (POSIX ustar) whose bytes depend on the entries alone: no
// times, no owners.
#ifndef KEEL_COORDINATOR_CLIENT_TAR_WRITER_H_
#define KEEL_COORDINATOR_CLIENT_TAR_WRITER_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/file_system.h"

namespace keel {

// Not thread-safe. The archive is whole or absent: until Close it lies in
// PATH.partial.
class TarWriter {
 public:
  // Replaces what a broken run left in PATH.partial.
  static absl::StatusOr<std::unique_ptr<TarWriter>> Create(std::string path);

  // INVALID_ARGUMENT: the name is empty or longer than 100 bytes.
  absl::Status Add(const std::string& name, std::string_view data);
  // Ends the archive and makes it durable. Call nothing afterwards.
  absl::Status Close();

 private:
  TarWriter(std::string path, std::unique_ptr<AppendableFile> file)
      : path_(std::move(path)), file_(std::move(file)) {}

  const std::string path_;
  std::unique_ptr<AppendableFile> file_;
};

}  // namespace keel

#endif  // KEEL_COORDINATOR_CLIENT_TAR_WRITER_H_
