// Named places around everything that the coordinator makes durable, where it
// can be made to die: what is durable by then has to be enough to go on from.
// `keel-coordinator --debug-crash-at` arms one; none is armed otherwise.
#ifndef KEEL_COORDINATOR_STORE_CRASH_POINT_H_
#define KEEL_COORDINATOR_STORE_CRASH_POINT_H_

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace keel {

// Facts that are committed to the database, in the order of a stream's life.
// Each has two crash points: "<name>:before" and "<name>:after" its commit.
namespace durable {
inline constexpr std::string_view kNewCluster = "new-cluster";
inline constexpr std::string_view kCreateStream = "create-stream";
inline constexpr std::string_view kStoreUpload = "store-upload";
inline constexpr std::string_view kForgetUploads = "forget-uploads";
inline constexpr std::string_view kAcceptChunk = "accept-chunk";
inline constexpr std::string_view kRepeatChunk = "repeat-chunk";
inline constexpr std::string_view kCreatePhase = "create-phase";
inline constexpr std::string_view kCompletePlan = "complete-plan";
inline constexpr std::string_view kFormGroup = "form-group";
inline constexpr std::string_view kBreakGroup = "break-group";
inline constexpr std::string_view kStoreInitial = "store-initial";
inline constexpr std::string_view kCommitSteps = "commit-steps";
inline constexpr std::string_view kStoreResumePoint = "store-resume-point";
inline constexpr std::string_view kStoreResult = "store-result";
inline constexpr std::string_view kEndTraining = "end-training";
inline constexpr std::string_view kFailTask = "fail-task";
inline constexpr std::string_view kEndTask = "end-task";
inline constexpr std::string_view kPublish = "publish";
inline constexpr std::string_view kEndPhase = "end-phase";
inline constexpr std::string_view kRetryPhase = "retry-phase";
}  // namespace durable

// A blob's way to the disk.
inline constexpr std::string_view kBlobAppend = "blob:append";
inline constexpr std::string_view kBlobWritten = "blob:written";
inline constexpr std::string_view kBlobSynced = "blob:synced";
inline constexpr std::string_view kBlobStored = "blob:stored";

// Their names, all of them.
const std::vector<std::string>& CrashPointNames();

// The places themselves. Thread-safe; one load of an atomic if none is armed.
void ReachCrashPoint(std::string_view name);
void ReachCommit(std::string_view fact, std::string_view side);

// From now on the process kills itself (SIGKILL) when it comes to the place
// for the Nth time; `spec` is "NAME" or "NAME@N". An empty one disarms.
// INVALID_ARGUMENT names the places there are. Thread-safe.
absl::Status ArmCrashPoint(const std::string& spec);

// For tests in one process: called with every name that is reached, also those
// that are not armed. It may throw. Not while other threads reach places.
void SetCrashPointObserver(std::function<void(std::string_view)> observer);

}  // namespace keel

#endif  // KEEL_COORDINATOR_STORE_CRASH_POINT_H_
