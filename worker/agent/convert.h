// Between messages and the plain structs of worker/seam. Pure; thread-safe.
#ifndef KEEL_WORKER_AGENT_CONVERT_H_
#define KEEL_WORKER_AGENT_CONVERT_H_

#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "keel/storage/v1/storage.pb.h"
#include "keel/v1/worker.pb.h"
#include "worker/seam/environment.h"
#include "worker/seam/job.h"

namespace keel {

// ---- orders ----------------------------------------------------------------

StreamConfig ToStreamConfig(const v1::StreamConfig& config);

// The samples of `chunk` that are trained, in order. INVALID_ARGUMENT: the
// index is another chunk's, or an ordinal is not in it.
absl::StatusOr<SampleList> TrainedSamples(
    const storage::v1::PlannedChunk& chunk,
    const storage::v1::ChunkIndex& index);
// The samples of `chunk` that a probe set holds. Errors as above.
absl::StatusOr<SampleList> HeldOutSamples(
    const storage::v1::PlannedChunk& chunk,
    const storage::v1::ChunkIndex& index);
// All samples of a chunk.
SampleList AllSamples(const storage::v1::ChunkIndex& index);

// Reads a chunk's index, by its digest and size.
using IndexReader = std::function<absl::StatusOr<storage::v1::ChunkIndex>(
    const std::string&, int64_t)>;

// Everything of the job but its files; one index at a time is in memory.
// INVALID_ARGUMENT: order, plan and indexes do not fit together. Errors of
// `index_of` as they are.
absl::StatusOr<TrainJob> ToTrainJob(const v1::JoinGroup& order,
                                    const storage::v1::PhasePlan& plan,
                                    const IndexReader& index_of);

// Everything of the job but its files and probes.
EvaluateJob ToEvaluateJob(const v1::RunTask& order);
DriftJob ToDriftJob(const v1::RunTask& order);

// ---- results ---------------------------------------------------------------

v1::StepReport ToProto(const StepReport& report);
v1::Recall ToProto(const RecallResult& result);
v1::Drift ToProto(const DriftResult& result);
v1::ArtifactHeader::Kind ToProto(ArtifactKind kind);

// How Executor::Train's status reads to the coordinator: OK is FINISHED,
// CANCELLED is STOPPED; INVALID_ARGUMENT, FAILED_PRECONDITION and
// UNIMPLEMENTED, which no other worker could help, are FAILED. The rest, which
// a worker's own machine or the network may cause, is BROKEN.
v1::GroupEnded::Outcome ToOutcome(const absl::Status& status);

}  // namespace keel

#endif  // KEEL_WORKER_AGENT_CONVERT_H_
