// What really happened in a history, as its workers and clients saw it: what
// the coordinator's records are held against.
#ifndef KEEL_TESTS_COORDINATOR_SIMULATOR_TRUTH_H_
#define KEEL_TESTS_COORDINATOR_SIMULATOR_TRUTH_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "keel/v1/worker.pb.h"

namespace keel::testing {

struct Truth {
  // uid of each stream whose creation was acknowledged, by name.
  std::map<std::string, std::string> streams;
  // Digest by (stream, request id) of each submission that was acknowledged.
  std::map<std::pair<std::string, std::string>, std::string> requests;
  // Number by (stream, digest) of each chunk that was acknowledged.
  std::map<std::pair<std::string, std::string>, int64_t> chunks;
  // Number of the phase by (stream, request id) of each answered ClosePhase.
  std::map<std::pair<std::string, std::string>, int> closes;
  // Each step that a group has committed, by (generation, step).
  std::map<std::pair<int64_t, int64_t>, v1::StepReport> steps;
  // Steps below it were acknowledged, by generation.
  std::map<int64_t, int64_t> acknowledged_steps;
  // What is wrong; the first entry is the one to look at.
  std::vector<std::string> violations;
};

}  // namespace keel::testing

#endif  // KEEL_TESTS_COORDINATOR_SIMULATOR_TRUTH_H_
