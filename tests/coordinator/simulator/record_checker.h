// Holds every commit against what docs/design.md promises: which changes of
// the durable records are legal, and whether they tell the truth.
#ifndef KEEL_TESTS_COORDINATOR_SIMULATOR_RECORD_CHECKER_H_
#define KEEL_TESTS_COORDINATOR_SIMULATOR_RECORD_CHECKER_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "coordinator/store/blob_store.h"
#include "coordinator/store/store.h"
#include "keel/storage/v1/storage.pb.h"
#include "tests/coordinator/simulator/truth.h"

namespace keel::testing {

// Not thread-safe.
class RecordChecker {
 public:
  // `truth` outlives it, and gets the violations.
  explicit RecordChecker(Truth& truth) : truth_(truth) {}

  // `batch` has been applied to `store`.
  void OnCommit(const WriteBatch& batch, Store& store, BlobStore* blobs);

  int generation_count() const { return static_cast<int>(last_generation_); }
  int published_count() const { return published_count_; }
  int failed_count() const { return failed_count_; }

 private:
  using Change = WriteBatch::Change;

  void Violation(const Change& change, const std::string& text);
  // What the key held before the batch; null: nothing.
  const std::string* Before(std::string_view table,
                            const std::string& key) const;
  void CheckImmutable(const Change& change);
  void CheckCluster(const Change& change);
  void CheckStream(const Change& change);
  void CheckChunk(const Change& change);
  void CheckPhase(const Change& change);
  void CheckTransition(const Change& change,
                       const storage::v1::PhaseRecord& before,
                       const storage::v1::PhaseRecord& after);
  void CheckGeneration(const Change& change);
  void CheckStep(const Change& change);
  void CheckPublished(const Change& change, Store& store, BlobStore* blobs);
  // One open generation for a phase.
  void CheckOpen();

  Truth& truth_;
  // All records as they were before the batch in hand.
  std::map<std::string, std::map<std::string, std::string>, std::less<>>
      before_;
  int64_t last_generation_ = 0;
  int published_count_ = 0;
  int failed_count_ = 0;
  // Open generations by stream and phase.
  std::map<std::pair<std::string, int>, std::set<int64_t>> open_;
};

}  // namespace keel::testing

#endif  // KEEL_TESTS_COORDINATOR_SIMULATOR_RECORD_CHECKER_H_
