#include "worker/train/sample_embedder.h"

#include <gtest/gtest.h>

#include "tests/worker/data/fake_chunks.h"
#include "tests/worker/train/small_model.h"

namespace keel {
namespace {

class SampleEmbedderTest : public ::testing::Test {
 protected:
  FakeChunks chunks_;
  // Two captions each; more than one pass.
  std::vector<SampleList> samples_ = FillWithPictures(chunks_, 40);
  Tokenizer tokenizer_;
  ClipModel model_ = SmallModel(1);
  SampleSource source_{.chunks = chunks_, .tokenizer = tokenizer_};
};

TEST_F(SampleEmbedderTest, EmbedsEveryCaptionAndEachImageOnce) {
  samples_[0].samples[7].captions.resize(1);
  const auto first = EmbedSamples(model_, samples_, source_);
  ASSERT_TRUE(first.ok()) << first.status();
  const int64_t reads = chunks_.read_count();
  const auto all = EmbedCaptions(model_, samples_, source_);
  ASSERT_TRUE(all.ok()) << all.status();
  // 39 more captions; the image at the border of two passes is read again.
  EXPECT_EQ(chunks_.read_count() - reads, reads + 39 + 1);
  const CaptionedEmbeddings& e = all->embeddings;
  ASSERT_EQ(e.image.size(0), 40);
  ASSERT_EQ(e.text.size(0), 79);
  EXPECT_TRUE(at::allclose(e.image, first->embeddings.image, 1e-4, 1e-5));
  EXPECT_EQ(e.image_of_text[14].item<int64_t>(), 7);
  EXPECT_EQ(e.image_of_text[15].item<int64_t>(), 8);
  // The first caption of each image.
  EXPECT_TRUE(at::allclose(e.text[15], first->embeddings.text[8], 1e-4, 1e-5));
  EXPECT_FALSE(at::allclose(e.text[16], first->embeddings.text[8], 1e-4, 1e-5));
}

TEST_F(SampleEmbedderTest, LeavesOutWhatDoesNotDecodeWithItsCaptions) {
  samples_[0].samples[0] = chunks_.Add("chunk", "broken", ImageFormat::kPng,
                                       "no picture", {"a", "b"});
  const auto all = EmbedCaptions(model_, samples_, source_);
  ASSERT_TRUE(all.ok()) << all.status();
  EXPECT_EQ(all->samples.size(), 39u);
  EXPECT_EQ(all->samples[0], 1);
  EXPECT_EQ(all->embeddings.text.size(0), 78);
  EXPECT_EQ(all->embeddings.image_of_text[0].item<int64_t>(), 0);
}

TEST_F(SampleEmbedderTest, StopsBetweenTwoRows) {
  source_.cancelled = [this] { return chunks_.read_count() >= 3; };
  EXPECT_TRUE(
      absl::IsCancelled(EmbedSamples(model_, samples_, source_).status()));
  // A row reads its image and its caption.
  EXPECT_EQ(chunks_.read_count(), 4);
}

}  // namespace
}  // namespace keel
