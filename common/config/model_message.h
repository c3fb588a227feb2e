// A plain ModelConfig as the message of a stream's configuration.
#ifndef KEEL_COMMON_CONFIG_MODEL_MESSAGE_H_
#define KEEL_COMMON_CONFIG_MODEL_MESSAGE_H_

#include "common/model/model_config.h"
#include "keel/v1/stream.pb.h"

namespace keel {

// All values of the architecture, those of the other kind of image tower left
// absent; `preset` too.
v1::ModelConfig ToMessage(const ModelConfig& model);

}  // namespace keel

#endif  // KEEL_COMMON_CONFIG_MODEL_MESSAGE_H_
