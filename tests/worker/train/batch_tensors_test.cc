#include "worker/train/batch_tensors.h"

#include <gtest/gtest.h>

#include "tests/worker/train/small_model.h"

namespace keel {
namespace {

LoadedRows OneRow() {
  LoadedRows rows;
  rows.samples = {0};
  rows.images.assign(3 * 16 * 16, 255);
  rows.tokens = {49406, 5, 49407, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  rows.max_tokens = 3;
  return rows;
}

TEST(BatchTensorsTest, NormalisesAsOpenAiDoes) {
  const at::Tensor images = ImageTensor(OneRow(), SmallModelConfig(), at::kCPU);
  EXPECT_EQ(images.sizes(), at::IntArrayRef({1, 3, 16, 16}));
  EXPECT_FLOAT_EQ(images[0][0][0][0].item<float>(),
                  (1.0f - 0.48145466f) / 0.26862954f);
  EXPECT_FLOAT_EQ(images[0][2][5][5].item<float>(),
                  (1.0f - 0.40821073f) / 0.27577711f);
}

TEST(BatchTensorsTest, CutsTokensAtTheLongestCaption) {
  const LoadedRows rows = OneRow();
  EXPECT_EQ(TokenTensor(rows, SmallModelConfig(), at::kCPU).sizes(),
            at::IntArrayRef({1, 3}));
  EXPECT_EQ(TokenTensor(rows, SmallModelConfig(), at::kCPU, true).sizes(),
            at::IntArrayRef({1, 12}));
}

TEST(BatchTensorsTest, OutlivesTheRows) {
  at::Tensor tokens;
  {
    const LoadedRows rows = OneRow();
    tokens = TokenTensor(rows, SmallModelConfig(), at::kCPU);
  }
  EXPECT_EQ(tokens[0][2].item<int64_t>(), 49407);
}

}  // namespace
}  // namespace keel
