// The architecture of a CLIP model as a plain struct: free of protobuf and of
// LibTorch, so that coordinator, client and training half can share it.
#ifndef KEEL_COMMON_MODEL_MODEL_CONFIG_H_
#define KEEL_COMMON_MODEL_MODEL_CONFIG_H_

#include <vector>

namespace keel {

// OpenAI's CLIP (docs/formats/checkpoint.md). The defaults are preset `tiny`.
struct ModelConfig {
  int embed_dim = 128;
  bool quick_gelu = true;

  struct Vision {
    int image_size = 64;
    int patch_size = 16;
    int width = 192;
    int layers = 4;
    int heads = 3;
    double mlp_ratio = 4.0;
    // Bottlenecks in the four stages of a ResNet, which has no patches, layers
    // and MLPs; empty: a transformer.
    std::vector<int> blocks = {};

    bool operator==(const Vision&) const = default;
  } vision;

  struct Text {
    int context_length = 32;
    int vocab_size = 49408;
    int width = 192;
    int layers = 3;
    int heads = 3;
    double mlp_ratio = 4.0;

    bool operator==(const Text&) const = default;
  } text;

  bool operator==(const ModelConfig&) const = default;
};

// Bounds of a model's values (docs/limits.md).
inline constexpr int kMaxImageSize = 2048;
inline constexpr int kMaxWidth = 16384;
inline constexpr int kMaxLayers = 256;
inline constexpr int kMaxHeads = 256;
inline constexpr int kMaxMlpRatio = 64;
// Start, one token and end.
inline constexpr int kMinContext = 3;
inline constexpr int kMaxContext = 4096;
inline constexpr int kMaxVocabulary = 49408;

}  // namespace keel

#endif  // KEEL_COMMON_MODEL_MODEL_CONFIG_H_
