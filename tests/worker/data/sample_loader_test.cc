#include "worker/data/sample_loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "common/sha256.h"
#include "tests/worker/data/fake_chunks.h"
#include "tests/worker/data/test_images.h"
#include "worker/data/image_transform.h"

namespace keel {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const Tokenizer& SharedTokenizer() {
  static const Tokenizer* const tokenizer = new Tokenizer;
  return *tokenizer;
}

SampleLoader::Options SmallOptions() {
  SampleLoader::Options options;
  options.image_size = 16;
  options.context_length = 8;
  return options;
}

std::string Digest(const std::string& bytes) {
  return Sha256Bytes(bytes).substr(0, 16);
}

bool Equal(const LoadedRows& a, const LoadedRows& b) {
  return a.samples == b.samples && a.images == b.images &&
         a.tokens == b.tokens && a.max_tokens == b.max_tokens &&
         a.image_digests == b.image_digests &&
         a.caption_digests == b.caption_digests &&
         a.struck.size() == b.struck.size();
}

class SampleLoaderTest : public ::testing::Test {
 protected:
  // Adds a sample whose bytes are no picture as the last one.
  void AddUndecodable() {
    lists_[0].samples.push_back(chunks_.Add(
        "chunk", "broken", ImageFormat::kPng, "no picture", {"broken"}));
  }

  SampleLoader MakeLoader(SampleLoader::Options options = SmallOptions()) {
    return SampleLoader(options, lists_, chunks_, SharedTokenizer());
  }

  FakeChunks chunks_;
  std::vector<SampleList> lists_ = FillWithPictures(chunks_, 4);
};

TEST_F(SampleLoaderTest, LoadsRowsInTheOrderOfTheRequests) {
  SampleLoader loader = MakeLoader();
  const auto rows = loader.Load({{2, 0}, {0, 1}, {2, 1}});
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_THAT(rows->samples, ElementsAre(2, 0, 2));
  EXPECT_THAT(
      rows->caption_digests,
      ElementsAre(Digest("picture 2"), Digest("again 0"), Digest("again 2")));
  const std::string& digest = lists_[0].samples[2].image_digest;
  EXPECT_EQ(rows->image_digests[0], digest);
  EXPECT_EQ(rows->image_digests[2], digest);
  EXPECT_THAT(rows->struck, IsEmpty());
}

TEST_F(SampleLoaderTest, GivesCropsAndPaddedTokens) {
  SampleLoader loader = MakeLoader();
  const auto rows = loader.Load({{3, 0}});
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_EQ(rows->images, TransformImage(MakePicture(23, 16, 3), 16));
  auto tokens = SharedTokenizer().Tokenize("picture 3", 8);
  EXPECT_EQ(rows->max_tokens, static_cast<int>(tokens.size()));
  tokens.resize(8, 0);
  EXPECT_EQ(rows->tokens, tokens);
}

TEST_F(SampleLoaderTest, StrikesWhatDoesNotDecode) {
  AddUndecodable();
  SampleLoader loader = MakeLoader();
  for (int touch = 0; touch < 2; ++touch) {
    const auto rows = loader.Load({{0, 0}, {4, 0}, {1, 0}});
    ASSERT_TRUE(rows.ok()) << rows.status();
    EXPECT_THAT(rows->samples, ElementsAre(0, 1));
    EXPECT_EQ(rows->tokens.size(), 2u * 8);
    ASSERT_EQ(rows->struck.size(), 1u);
    EXPECT_EQ(rows->struck[0].sample, 4);
    EXPECT_EQ(rows->struck[0].reason, "IMAGE_DECODE");
  }
}

TEST_F(SampleLoaderTest, StrikesImagesAboveThePixelLimit) {
  SampleLoader::Options options = SmallOptions();
  options.max_image_pixels = 20 * 16;
  SampleLoader loader = MakeLoader(options);
  const auto rows = loader.Load({{0, 0}, {1, 0}});
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_THAT(rows->samples, ElementsAre(0));
  EXPECT_EQ(rows->struck.size(), 1u);
}

TEST_F(SampleLoaderTest, NamesChunkAndKeyWhenTheImageIsAnother) {
  chunks_.Damage("chunk", lists_[0].samples[1].image_offset + 50);
  SampleLoader loader = MakeLoader();
  const absl::Status status = loader.Load({{1, 0}}).status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), "chunk chunk, sample s1"))
      << status;
}

TEST_F(SampleLoaderTest, RefusesAnotherCaptionThanIndexed) {
  chunks_.Damage("chunk", lists_[0].samples[1].captions[1].offset);
  SampleLoader loader = MakeLoader();
  EXPECT_TRUE(loader.Load({{1, 0}}).ok());
  EXPECT_TRUE(absl::IsDataLoss(loader.Load({{1, 1}}).status()));
}

TEST_F(SampleLoaderTest, ReportsACaptionThatIsNotThere) {
  lists_[0].samples[1].captions[0].json_position = 3;
  SampleLoader loader = MakeLoader();
  EXPECT_TRUE(absl::IsDataLoss(loader.Load({{1, 0}}).status()));
}

TEST_F(SampleLoaderTest, PassesOnTheReadersErrorsAndStrikesNothing) {
  SampleLoader loader = MakeLoader();
  chunks_.FailWith(absl::UnavailableError("away"));
  EXPECT_TRUE(absl::IsUnavailable(loader.Load({{0, 0}}).status()));
  chunks_.FailWith(absl::OkStatus());
  const auto rows = loader.Load({{0, 0}});
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_THAT(rows->samples, ElementsAre(0));
}

TEST_F(SampleLoaderTest, RefusesUnknownSamplesAndCaptions) {
  SampleLoader loader = MakeLoader();
  for (const RowRequest& request : {RowRequest{-1, 0}, RowRequest{4, 0},
                                    RowRequest{0, 2}, RowRequest{0, -1}}) {
    EXPECT_TRUE(absl::IsInvalidArgument(loader.Load({request}).status()));
  }
}

TEST_F(SampleLoaderTest, ReadsNothingAgainFromTheCache) {
  SampleLoader loader = MakeLoader();
  ASSERT_TRUE(loader.Load({{0, 0}, {1, 1}}).ok());
  const int64_t reads = chunks_.read_count();
  ASSERT_TRUE(loader.Load({{1, 1}, {0, 0}}).ok());
  EXPECT_EQ(chunks_.read_count(), reads);
}

TEST_F(SampleLoaderTest, GivesTheSameWithAndWithoutCaches) {
  AddUndecodable();
  SampleLoader::Options options = SmallOptions();
  options.crop_cache_bytes = 0;
  options.token_cache_bytes = 0;
  SampleLoader without = MakeLoader(options);
  SampleLoader with = MakeLoader();
  for (int round = 0; round < 3; ++round) {
    const std::vector<RowRequest> requests = {
        {3, round % 2}, {4, 0}, {0, 0}, {1, 1}};
    const auto cached = with.Load(requests);
    const auto live = without.Load(requests);
    ASSERT_TRUE(cached.ok() && live.ok());
    EXPECT_TRUE(Equal(*cached, *live)) << round;
  }
}

TEST_F(SampleLoaderTest, GivesTheSameFromSeveralThreads) {
  SampleLoader loader = MakeLoader();
  const std::vector<RowRequest> requests = {{0, 0}, {1, 0}, {2, 1}, {3, 1}};
  const auto expected = MakeLoader().Load(requests);
  ASSERT_TRUE(expected.ok());
  std::vector<int> wrong(4, 0);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 20; ++i) {
        const auto rows = loader.Load(requests);
        if (!rows.ok() || !Equal(*rows, *expected)) ++wrong[t];
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_THAT(wrong, ElementsAre(0, 0, 0, 0));
}

TEST_F(SampleLoaderTest, KnowsItsSamples) {
  SampleLoader loader = MakeLoader();
  EXPECT_EQ(loader.sample_count(), 4);
  EXPECT_EQ(loader.sample(3).key, "s3");
}

}  // namespace
}  // namespace keel
