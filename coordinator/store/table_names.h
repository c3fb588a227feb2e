// The tables of the coordinator's store, what each holds (messages of
// keel.storage.v1 unless it says otherwise), and how their keys are made.
// Never change the meaning of a name or key; add new ones. Thread-safe.
//
// Numbers in keys have leading zeros, so that the order of keys is the order
// of numbers; parts are joined by '/', which no name, digest or number has.
#ifndef KEEL_COORDINATOR_STORE_TABLE_NAMES_H_
#define KEEL_COORDINATOR_STORE_TABLE_NAMES_H_

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace keel {

namespace table {
// ClusterRecord under kClusterKey.
inline constexpr std::string_view kCluster = "cluster";
// StreamRecord by the stream's name.
inline constexpr std::string_view kStreams = "streams";
// ChunkRecord by ChunkKey.
inline constexpr std::string_view kChunks = "chunks";
// What a request did, by RequestKey.
inline constexpr std::string_view kRequests = "requests";
// ProbeRecord by ProbeKey.
inline constexpr std::string_view kProbes = "probes";
// PhaseRecord by PhaseKey.
inline constexpr std::string_view kPhases = "phases";
// GenerationRecord by GenerationKey.
inline constexpr std::string_view kGenerations = "generations";
// StepRecord by StepKey.
inline constexpr std::string_view kSteps = "steps";
// TaskRecord by the task's id.
inline constexpr std::string_view kTasks = "tasks";
// Results of EVALUATE and DRIFT tasks, by RecallKey and DriftKey.
inline constexpr std::string_view kRecalls = "recalls";
inline constexpr std::string_view kDrifts = "drifts";
// Published checkpoints by CheckpointKey.
inline constexpr std::string_view kCheckpoints = "checkpoints";
// UploadRecord by its id.
inline constexpr std::string_view kUploads = "uploads";

inline constexpr std::array kAll = {
    kCluster, kStreams,     kChunks, kRequests, kProbes,
    kPhases,  kGenerations, kSteps,  kTasks,    kRecalls,
    kDrifts,  kCheckpoints, kUploads};
}  // namespace table

inline constexpr std::string_view kClusterKey = "cluster";

// True if `name` is in table::kAll.
bool IsTable(std::string_view name);

// `number`, not negative, as 19 digits.
std::string NumberKey(int64_t number);
// What the keys below `part` start with: "part/".
std::string KeyPrefix(std::string_view part);

// The keys of one stream share KeyPrefix(stream).
std::string ChunkKey(std::string_view stream, std::string_view digest);
// `request_id` is the user's: any bytes.
std::string RequestKey(std::string_view stream, std::string_view request_id);
std::string ProbeKey(std::string_view stream, std::string_view probe);
// All attempts of a phase share KeyPrefix(PhasePart(stream, phase)).
std::string PhasePart(std::string_view stream, int phase);
std::string PhaseKey(std::string_view stream, int phase, int attempt);
// `phase` is the checkpoint's that was measured.
std::string RecallKey(std::string_view stream, int phase,
                      std::string_view probe);
// `reference` is "parent" or "origin".
std::string DriftKey(std::string_view stream, int phase, std::string_view probe,
                     std::string_view reference);
std::string CheckpointKey(std::string_view stream, int phase);

std::string GenerationKey(int64_t generation);
// All steps of a generation share KeyPrefix(GenerationKey(generation)).
std::string StepKey(int64_t generation, int64_t step);

}  // namespace keel

#endif  // KEEL_COORDINATOR_STORE_TABLE_NAMES_H_
