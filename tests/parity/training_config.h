// A stream's configuration as a worker gets it, for programs with LibTorch,
// whose headers do not go with protobuf's.
#ifndef KEEL_TESTS_PARITY_TRAINING_CONFIG_H_
#define KEEL_TESTS_PARITY_TRAINING_CONFIG_H_

#include <string>

#include "absl/status/statusor.h"
#include "worker/seam/config.h"

namespace keel::testing {

// The file `path` with all its defaults. Errors as ReadFile, ParseStreamConfig
// and ValidateStreamConfig.
absl::StatusOr<StreamConfig> ReadTrainingConfig(const std::string& path);

}  // namespace keel::testing

#endif  // KEEL_TESTS_PARITY_TRAINING_CONFIG_H_
