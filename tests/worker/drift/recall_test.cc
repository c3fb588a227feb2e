#include "worker/drift/recall.h"

#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "worker/checkpoint/safetensors.h"
#include "worker/drift/spatial_disorder.h"

namespace keel {
namespace {

at::Tensor Random(int64_t n, int64_t d, uint64_t seed) {
  return at::randn({n, d}, at::detail::createCPUGenerator(seed), at::kDouble);
}

// Text j points at the angle j, image i at i - shift, in hundredths of a
// radian: the texts between image i and its own stand ahead of it.
PairEmbeddings Fan(int64_t n, double shift) {
  const auto directions = [](const at::Tensor& angle) {
    return at::stack({angle.cos(), angle.sin()}, 1);
  };
  const at::Tensor index = at::arange(n, at::kDouble);
  return {directions((index - shift) * 0.01), directions(index * 0.01)};
}

// One text to an image, in their order.
absl::StatusOr<RecallResult> MeasureRecall(const PairEmbeddings& pairs) {
  const auto results = MeasureRecall(std::vector<CaptionedEmbeddings>{
      {pairs.image, pairs.text, at::arange(pairs.text.size(0), at::kLong)}});
  if (!results.ok()) return results.status();
  return results->at(0);
}

TEST(RecallTest, IsWholeForPairsThatMeet) {
  const at::Tensor x = Random(300, 16, 1);
  auto recall = MeasureRecall({x * 3, x});
  ASSERT_TRUE(recall.ok()) << recall.status();
  EXPECT_EQ(recall->sample_count, 300);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(recall->image_to_text[i], 1.0);
    EXPECT_EQ(recall->text_to_image[i], 1.0);
  }
}

TEST(RecallTest, CountsThoseThatStandAhead) {
  // The texts at distances 0.4 and 0.6 come first; image 0 has neither.
  auto recall = MeasureRecall(Fan(100, 1.4));
  ASSERT_TRUE(recall.ok()) << recall.status();
  EXPECT_NEAR(recall->image_to_text[0], 0.01, 1e-12);
  EXPECT_EQ(recall->image_to_text[1], 1.0);
  EXPECT_EQ(recall->image_to_text[2], 1.0);
  auto far = MeasureRecall(Fan(100, 3.4));
  // Six stand ahead, but no more than i of image i.
  EXPECT_NEAR(far->image_to_text[1], 0.05, 1e-12);
  EXPECT_EQ(far->image_to_text[2], 1.0);
}

TEST(RecallTest, TellsTheDirectionsApart) {
  PairEmbeddings e{Random(20, 8, 3), at::Tensor()};
  e.text = e.image.clone();
  e.text[7] = e.image[3];
  auto recall = MeasureRecall(e);
  ASSERT_TRUE(recall.ok()) << recall.status();
  // Image 3 finds two equal texts, image 7 a wrong one; text 7 finds image 3,
  // every other text its own.
  EXPECT_NEAR(recall->image_to_text[0], 18.0 / 20, 1e-12);
  EXPECT_NEAR(recall->text_to_image[0], 19.0 / 20, 1e-12);
}

TEST(RecallTest, GivesACollapsedModelNothing) {
  auto recall = MeasureRecall({at::ones({50, 4}), at::ones({50, 4})});
  ASSERT_TRUE(recall.ok()) << recall.status();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(recall->image_to_text[i], 0);
    EXPECT_EQ(recall->text_to_image[i], 0);
  }
}

TEST(RecallTest, RefusesNotANumberAndEmptySets) {
  at::Tensor x = Random(4, 4, 5);
  const at::Tensor y = x.clone();
  x[1][1] = std::numeric_limits<double>::infinity();
  EXPECT_EQ(MeasureRecall({x, y}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(
      MeasureRecall({y.narrow(0, 0, 0), y.narrow(0, 0, 0)}).status().code(),
      absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(MeasureRecall({y, y.narrow(0, 0, 3)}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

class RecallGoldenTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto file = ReadSafetensors("tests/golden/recall.safetensors");
    ASSERT_TRUE(file.ok()) << file.status();
    golden_ = *std::move(file);
  }

  at::Tensor Golden(const std::string& name) { return *golden_.Find(name); }
  std::vector<CaptionedEmbeddings> Sets() {
    return {{Golden("0.image"), Golden("0.text"), Golden("0.image_of_text")},
            {Golden("1.image"), Golden("1.text"), Golden("1.image_of_text")}};
  }
  void Expect(const std::string& name, const std::vector<double>& actual) {
    const at::Tensor expected = Golden(name);
    for (size_t i = 0; i < actual.size(); ++i) {
      EXPECT_NEAR(actual[i], expected.const_data_ptr<double>()[i], 1e-12)
          << name << " " << i;
    }
  }

  Safetensors golden_;
};

TEST_F(RecallGoldenTest, AgreesWithNumPy) {
  const auto results = MeasureRecall(Sets());
  ASSERT_TRUE(results.ok()) << results.status();
  for (int k = 0; k < 2; ++k) {
    const RecallResult& r = results->at(k);
    const std::string set = std::to_string(k) + ".";
    const auto with_ranks = [](const double(&recall)[3],
                               const RankSummary& rank) {
      return std::vector<double>{recall[0], recall[1], recall[2], rank.median,
                                 rank.mean};
    };
    Expect(set + "image_to_text",
           with_ranks(r.image_to_text, r.image_to_text_rank));
    Expect(set + "text_to_image",
           with_ranks(r.text_to_image, r.text_to_image_rank));
    Expect(set + "pooled_image_to_text", {std::begin(r.pooled_image_to_text),
                                          std::end(r.pooled_image_to_text)});
    Expect(set + "pooled_text_to_image", {std::begin(r.pooled_text_to_image),
                                          std::end(r.pooled_text_to_image)});
    EXPECT_EQ(r.pool_sample_count, 370);
    EXPECT_EQ(r.caption_count, Golden(set + "text").size(0));
    const double* shape = Golden(set + "shape").const_data_ptr<double>();
    EXPECT_NEAR(r.modality_gap, shape[0], 1e-12);
    EXPECT_NEAR(r.effective_rank_image, shape[1], 1e-9);
    EXPECT_NEAR(r.effective_rank_text, shape[2], 1e-9);
  }
}

TEST_F(RecallGoldenTest, TheIntervalIsThatOfAnotherBootstrap) {
  const auto results = MeasureRecall(Sets(), {.seed = 3});
  ASSERT_TRUE(results.ok()) << results.status();
  for (int k = 0; k < 2; ++k) {
    const double* expected =
        Golden(std::to_string(k) + ".interval").const_data_ptr<double>();
    const double width = expected[1] - expected[0];
    EXPECT_NEAR(results->at(k).recall5_low, expected[0], 0.15 * width);
    EXPECT_NEAR(results->at(k).recall5_high, expected[1], 0.15 * width);
  }
  EXPECT_EQ(MeasureRecall(Sets(), {.seed = 3})->at(1).recall5_low,
            results->at(1).recall5_low);
}

TEST_F(RecallGoldenTest, IsStoppedBetweenTwoBlocks) {
  int asked = 0;
  const auto stopped = [&asked] { return ++asked == 4; };
  EXPECT_TRUE(
      absl::IsCancelled(MeasureRecall(Sets(), {.stopped = stopped}).status()));
}

TEST(RecallTest, ACollapsedSpaceHasRankOneAndNoGap) {
  const auto same = MeasureRecall({at::ones({50, 4}), at::ones({50, 4})});
  ASSERT_TRUE(same.ok()) << same.status();
  EXPECT_NEAR(same->effective_rank_image, 1, 1e-6);
  EXPECT_NEAR(same->modality_gap, 0, 1e-12);
  EXPECT_EQ(same->image_to_text_rank.median, 50);
  const auto apart = MeasureRecall({at::ones({50, 4}), -at::ones({50, 4})});
  EXPECT_NEAR(apart->modality_gap, 2, 1e-12);
}

TEST(RecallTest, RefusesTextsWithoutImagesAndImagesWithoutTexts) {
  const at::Tensor image = Random(3, 4, 1), text = Random(3, 4, 2);
  for (const std::vector<int64_t>& owner :
       std::vector<std::vector<int64_t>>{{0, 1, 1}, {0, 1, 3}, {-1, 0, 1}}) {
    const auto status =
        MeasureRecall(std::vector<CaptionedEmbeddings>{
                          {image, text, at::tensor(owner, at::kLong)}})
            .status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  }
}

}  // namespace
}  // namespace keel
