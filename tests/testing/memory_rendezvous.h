// A rendezvous store in memory, for groups of threads and of forked
// processes (served over a socket pair in process_rendezvous.h).
#ifndef KEEL_TESTS_TESTING_MEMORY_RENDEZVOUS_H_
#define KEEL_TESTS_TESTING_MEMORY_RENDEZVOUS_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "worker/seam/environment.h"

namespace keel::testing {

// Thread-safe.
class MemoryRendezvous : public RendezvousStore {
 public:
  // From now on every call, also a waiting one, returns ABORTED.
  void Close();

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
  bool HasAll(const std::vector<std::string>& keys) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::Status Open() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  absl::Mutex mu_;
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
  std::map<std::string, std::string> values_ ABSL_GUARDED_BY(mu_);
};

}  // namespace keel::testing

#endif  // KEEL_TESTS_TESTING_MEMORY_RENDEZVOUS_H_
