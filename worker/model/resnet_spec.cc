#include "worker/model/resnet_spec.h"

#include "absl/strings/str_cat.h"

namespace keel {
namespace {

// Channels of a block's output relative to those of its 3 x 3 convolution.
constexpr int64_t kExpansion = 4;

BottleneckSpec MakeBottleneck(const std::string& prefix, int64_t in,
                              int64_t planes, int stride) {
  const int64_t out = planes * kExpansion;
  const auto name = [&prefix](const char* part) {
    return absl::StrCat(prefix, part);
  };
  BottleneckSpec spec{
      {{name("conv1"), name("bn1"), in, planes, 1},
       {name("conv2"), name("bn2"), planes, planes, 3},
       {name("conv3"), name("bn3"), planes, out, 1, /*closes_block=*/true}},
      stride};
  if (stride > 1 || in != out) {
    spec.convolutions.push_back(
        {name("downsample.0"), name("downsample.1"), in, out, 1});
  }
  return spec;
}

}  // namespace

std::vector<ConvolutionSpec> StemSpecs(const ModelConfig::Vision& vision) {
  const int64_t width = vision.width;
  return {{"visual.conv1", "visual.bn1", 3, width / 2, 3},
          {"visual.conv2", "visual.bn2", width / 2, width / 2, 3},
          {"visual.conv3", "visual.bn3", width / 2, width, 3}};
}

std::vector<BottleneckSpec> BottleneckSpecs(const ModelConfig::Vision& vision) {
  std::vector<BottleneckSpec> specs;
  int64_t in = vision.width;
  for (size_t stage = 0; stage < vision.blocks.size(); ++stage) {
    const int64_t planes = int64_t{vision.width} << stage;
    for (int block = 0; block < vision.blocks[stage]; ++block) {
      specs.push_back(MakeBottleneck(
          absl::StrCat("visual.layer", stage + 1, ".", block, "."), in, planes,
          stage > 0 && block == 0 ? 2 : 1));
      in = planes * kExpansion;
    }
  }
  return specs;
}

std::vector<ConvolutionSpec> ConvolutionSpecs(
    const ModelConfig::Vision& vision) {
  std::vector<ConvolutionSpec> specs = StemSpecs(vision);
  for (const BottleneckSpec& block : BottleneckSpecs(vision)) {
    specs.insert(specs.end(), block.convolutions.begin(),
                 block.convolutions.end());
  }
  return specs;
}

int64_t PooledWidth(const ModelConfig::Vision& vision) {
  // The last of four stages, each of twice the planes of the one before.
  return int64_t{8} * vision.width * kExpansion;
}

}  // namespace keel
