#include "tests/parity/training_config.h"

#include "common/config/stream_config.h"
#include "common/file_system.h"
#include "common/status_macros.h"
#include "worker/agent/convert.h"

namespace keel::testing {

absl::StatusOr<StreamConfig> ReadTrainingConfig(const std::string& path) {
  KEEL_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  KEEL_ASSIGN_OR_RETURN(const StreamConfigFile file,
                        ParseStreamConfig(text, path));
  const v1::StreamConfig config = WithDefaults(file.config);
  KEEL_RETURN_IF_ERROR(ValidateStreamConfig(config));
  return ToStreamConfig(config);
}

}  // namespace keel::testing
