// A rendezvous store in a folder, for groups of processes: a key is a file.
#ifndef KEEL_TESTS_TESTING_DIRECTORY_RENDEZVOUS_H_
#define KEEL_TESTS_TESTING_DIRECTORY_RENDEZVOUS_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "worker/seam/environment.h"

namespace keel::testing {

// Safe for concurrent use by threads and processes, but for Add, Delete and
// CompareSet on one key by several of them at once.
class DirectoryRendezvous : public RendezvousStore {
 public:
  // The folder exists.
  explicit DirectoryRendezvous(std::string directory)
      : directory_(std::move(directory)) {}

  absl::Status Set(const std::string& key, std::string_view value) override;
  absl::StatusOr<std::string> Get(const std::string& key,
                                  absl::Duration timeout) override;
  absl::StatusOr<int64_t> Add(const std::string& key, int64_t amount) override;
  absl::StatusOr<bool> Check(const std::vector<std::string>& keys) override;
  absl::Status Wait(const std::vector<std::string>& keys,
                    absl::Duration timeout) override;
  absl::StatusOr<bool> Delete(const std::string& key) override;
  absl::StatusOr<int64_t> Count() override;
  absl::StatusOr<std::string> CompareSet(const std::string& key,
                                         std::string_view expected,
                                         std::string_view value) override;

 private:
  std::string PathOf(const std::string& key) const;

  const std::string directory_;
};

}  // namespace keel::testing

#endif  // KEEL_TESTS_TESTING_DIRECTORY_RENDEZVOUS_H_
