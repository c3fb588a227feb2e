// The convolutions of a ResNet tower, from which its parameters and buffers
// follow: names and order are those of OpenCLIP's state dict.
#ifndef KEEL_WORKER_MODEL_RESNET_SPEC_H_
#define KEEL_WORKER_MODEL_RESNET_SPEC_H_

#include <cstdint>
#include <string>
#include <vector>

#include "worker/seam/config.h"

namespace keel {

struct ConvolutionSpec {
  std::string name;  // "visual.layer1.0.conv1"
  std::string norm;  // "visual.layer1.0.bn1"
  int64_t in = 0;
  int64_t out = 0;
  int64_t side = 1;
  // The last of a block: its norm starts at weight 0, the block as identity.
  bool closes_block = false;
};

// A bottleneck's three convolutions and, where it changes shape, that of its
// shortcut.
struct BottleneckSpec {
  std::vector<ConvolutionSpec> convolutions;
  int stride = 1;
};

std::vector<ConvolutionSpec> StemSpecs(const ModelConfig::Vision& vision);
std::vector<BottleneckSpec> BottleneckSpecs(const ModelConfig::Vision& vision);
// All of them, in order.
std::vector<ConvolutionSpec> ConvolutionSpecs(
    const ModelConfig::Vision& vision);
// Channels that the last stage gives to the pooling.
int64_t PooledWidth(const ModelConfig::Vision& vision);

}  // namespace keel

#endif  // KEEL_WORKER_MODEL_RESNET_SPEC_H_
