#include "worker/train/loss_tiled.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "tests/testing/tensor_error.h"
#include "tests/worker/numerics/loss_cases.h"
#include "tests/worker/numerics/reference_loss.h"

namespace keel {
namespace {

using testing::Log;
using testing::RandomEmbeddings;
using testing::ReferenceLoss;
using testing::SumOfShares;
using testing::TensorError;
using testing::ToType;

LossOptions Tiles(int64_t rows, int64_t columns) {
  LossOptions options{20};
  options.path = LossPath::kTiled;
  options.tile_rows = rows;
  options.tile_columns = columns;
  return options;
}

LossShare Whole(const GlobalEmbeddings& e, const LossOptions& options) {
  return SumOfShares(e, Log(20), {e.image.size(0)}, options);
}

void ExpectEqual(const LossShare& a, const LossShare& b) {
  EXPECT_EQ(a.total, b.total);
  EXPECT_EQ(a.distill, b.distill);
  EXPECT_TRUE(at::equal(a.grad_image, b.grad_image));
  EXPECT_TRUE(at::equal(a.grad_text, b.grad_text));
  EXPECT_TRUE(at::equal(a.grad_logit_scale, b.grad_logit_scale));
}

TEST(LossTiledTest, DoesNotDependOnTheTiles) {
  const GlobalEmbeddings e = RandomEmbeddings(17, 8, 3);
  const LossShare reference = ReferenceLoss(e, Log(20), Tiles(1, 1));
  for (const auto& [rows, columns] : std::vector<std::pair<int64_t, int64_t>>{
           {1, 1}, {1, 17}, {17, 1}, {3, 5}, {16, 4}, {17, 17}, {100, 200}}) {
    const LossShare share = Whole(e, Tiles(rows, columns));
    EXPECT_NEAR(share.total, reference.total, 1e-11);
    EXPECT_EQ(share.kept_image, reference.kept_image);
    EXPECT_EQ(share.kept_text, reference.kept_text);
    EXPECT_LT(TensorError(share.grad_image, reference.grad_image), 1e-12);
    EXPECT_LT(TensorError(share.grad_text, reference.grad_text), 1e-12);
  }
}

TEST(LossTiledTest, HasTheSameBitsInTheSameOrder) {
  const GlobalEmbeddings e = ToType(RandomEmbeddings(40, 16, 4), at::kFloat);
  ExpectEqual(Whole(e, Tiles(9, 14)), Whole(e, Tiles(9, 14)));
  ExpectEqual(Whole(e, Tiles(40, 40)), Whole(e, Tiles(1000, 3000)));
}

TEST(LossTiledTest, IsTakenFromItsBatchOn) {
  EXPECT_EQ(ResolvePath({20}, 280), LossPath::kDense);
  EXPECT_EQ(ResolvePath({20}, 1023), LossPath::kDense);
  EXPECT_EQ(ResolvePath({20}, 1024), LossPath::kTiled);
  LossOptions cold{20};
  cold.kl_temperature = 0.003;
  EXPECT_EQ(ResolvePath(cold, 32768), LossPath::kTiled);
  cold.kl_temperature = 0.0029;
  EXPECT_EQ(ResolvePath(cold, 32768), LossPath::kDense);
  EXPECT_EQ(ResolvePath(Tiles(8, 8), 2), LossPath::kTiled);
  EXPECT_EQ(ResolvePath(Tiles(8, 8), 0), LossPath::kDense);
}

// Every cosine is 1, so all lines have the same sums: one member's complete
// ones stand for those of all.
TEST(LossTiledTest, StaysFiniteForALargeBatch) {
  constexpr int64_t kRows = 65536;
  const at::Tensor one =
      at::full({1, 4}, 0.5, at::kFloat).expand({kRows, 4}).contiguous();
  const GlobalEmbeddings e = {one, one, one, one};
  const Slice own = {1024, 1280};
  const LossOptions options = Tiles(256, 4096);
  const at::Tensor mine = LossStatistics(e, Log(100), own, options);
  const at::Tensor all =
      mine.narrow(0, 0, 1).narrow(2, own.begin, 1).expand_as(mine).contiguous();
  const LossShare share = ComputeLossShare(e, Log(100), own, options, all);
  EXPECT_NEAR(share.contrastive, std::log(kRows) * 256 / kRows, 1e-6);
  EXPECT_EQ(share.distill, 0);
  EXPECT_EQ(share.kept_image, 256);
  EXPECT_TRUE(share.grad_image.isfinite().all().item<bool>());
  EXPECT_TRUE(share.grad_text.isfinite().all().item<bool>());
}

// Exponents beyond fp32's range: the tiles are computed in float64.
TEST(LossTiledTest, LosesNoRowOfOpposedTowers) {
  GlobalEmbeddings e = RandomEmbeddings(30, 6, 8);
  e.text = 0.2 * e.text - e.image;
  e.text = e.text / e.text.norm(2, {1}, true);
  const GlobalEmbeddings single = ToType(e, at::kFloat);
  for (double temperature : {1.0, 0.01}) {
    LossOptions options = Tiles(8, 9);
    options.kl_temperature = temperature;
    const LossShare share = SumOfShares(single, Log(100), {30}, options);
    const LossShare reference = ReferenceLoss(single, Log(100), options);
    EXPECT_NEAR(share.total / reference.total, 1, 1e-6);
    EXPECT_EQ(share.grad_image.scalar_type(), at::kFloat);
    EXPECT_LT(TensorError(share.grad_image, reference.grad_image), 1e-6);
    EXPECT_LT(TensorError(share.grad_text, reference.grad_text), 1e-6);
  }
}

}  // namespace
}  // namespace keel
