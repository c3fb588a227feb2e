// Makes phases of chunks that wait: reads their indexes, builds and stores the
// plan, and records phase and probe set; completes the plan once the phase is
// the next to train. Used by the ticker's thread only.
#ifndef KEEL_COORDINATOR_SERVICES_PHASE_MAKER_H_
#define KEEL_COORDINATOR_SERVICES_PHASE_MAKER_H_

#include <string>

#include "absl/status/status.h"
#include "coordinator/core/plan_builder.h"
#include "coordinator/services/cluster.h"

namespace keel {

class PhaseMaker {
 public:
  // `cluster` outlives it.
  explicit PhaseMaker(Cluster& cluster) : cluster_(cluster) {}

  // Takes the cluster's lock, but reads and writes blobs without it. A chunk
  // that is lost with its index makes a phase that is FAILED; submitted again
  // it is mended, and after a retry Complete makes the plan. An error is one of
  // the moment (a full disk); the chunks go on waiting.
  absl::Status Create(const CreatePhase& action);
  // Stores the phase's plan anew, with what it takes from the phases that are
  // published by now, in place of the old one; makes it from the chunks if
  // there is none, or none that can be read. DATA_LOSS, NOT_FOUND: the plan of
  // an earlier phase cannot be read, or a chunk. Other errors are of the
  // moment. Locks as Create.
  absl::Status Complete(const CompletePlan& action);

 private:
  // What a phase is made of.
  struct Draft {
    v1::Stream stream;
    int number = 0;
    int parent = -1;
    std::vector<IndexedChunkRef> chunks;
  };

  // A phase whose plan is to be completed.
  struct Completion {
    v1::Stream stream;
    storage::v1::PhaseRecord record;
    // Those of the phase, without their indexes.
    std::vector<IndexedChunkRef> chunks;
    // Of the newest published phase; empty: there is none.
    std::string previous_plan;
  };

  absl::StatusOr<Draft> Begin(const CreatePhase& action);
  absl::Status ReadIndexes(const v1::Stream& stream,
                           std::vector<IndexedChunkRef>& chunks);
  absl::Status Finish(const Draft& draft, storage::v1::PhaseRecord record,
                      const storage::v1::PhasePlan& plan);
  absl::StatusOr<Completion> FindPlans(const CompletePlan& action);
  absl::StatusOr<BuiltPlan> ReadPlan(Completion& completion);
  absl::Status ReplacePlan(const Completion& completion,
                           storage::v1::PhaseRecord record,
                           const storage::v1::PhasePlan& plan);
  // Stores the plan and notes it in `record`, with what the record shows of it.
  absl::Status StorePlan(const storage::v1::PhasePlan& plan, BlobPins& pins,
                         storage::v1::PhaseRecord& record);

  Cluster& cluster_;
};

// `base`, or with the first number behind it that no probe set has.
std::string UniqueProbeName(const StreamState& stream, const std::string& base);

}  // namespace keel

#endif  // KEEL_COORDINATOR_SERVICES_PHASE_MAKER_H_
