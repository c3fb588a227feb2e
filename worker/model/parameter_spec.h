// What parameters and buffers a CLIP model has, and how each starts.
//
// Names, shapes and initial distributions are OpenCLIP's (which are OpenAI's):
// the text tower and a ResNet's pooling by `initialize_parameters`, the rest of
// the image tower by the defaults of torch.nn.
#ifndef KEEL_WORKER_MODEL_PARAMETER_SPEC_H_
#define KEEL_WORKER_MODEL_PARAMETER_SPEC_H_

#include <ATen/ATen.h>

#include <cstdint>
#include <string>
#include <vector>

#include "worker/seam/config.h"

namespace keel {

struct ParameterSpec {
  enum class Distribution {
    kConstant,  // every element is `scale`
    kNormal,    // mean 0, standard deviation `scale`
    kUniform,   // between -scale and scale
  };

  std::string name;
  std::vector<int64_t> shape;
  Distribution distribution = Distribution::kConstant;
  double scale = 0;
};

// In OpenCLIP's state-dict order.
std::vector<ParameterSpec> ParameterSpecs(const ModelConfig& config);

// What a model keeps without training it: the running statistics of BatchNorm.
struct BufferSpec {
  std::string name;
  std::vector<int64_t> shape;
  at::ScalarType type = at::kFloat;
  double initial = 0;
};

// In OpenCLIP's state-dict order; none for transformers.
std::vector<BufferSpec> BufferSpecs(const ModelConfig& config);

// The parameter drawn from a stream of its own, keyed by (seed, name): its
// values depend neither on other parameters nor on the number of threads.
// fp32 on the CPU.
at::Tensor DrawParameter(const ParameterSpec& spec, int64_t seed);

}  // namespace keel

#endif  // KEEL_WORKER_MODEL_PARAMETER_SPEC_H_
