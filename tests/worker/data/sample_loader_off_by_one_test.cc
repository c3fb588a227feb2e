// The library that is built to be wrong really is: the ledger's tests rest on
// it.
#include <gtest/gtest.h>

#include "tests/worker/data/fake_chunks.h"
#include "worker/data/sample_loader.h"

namespace keel {
namespace {

TEST(SampleLoaderOffByOneTest, ReportsTheRequestButGivesItsNeighbour) {
  FakeChunks chunks;
  const auto lists = FillWithPictures(chunks, 3);
  const Tokenizer tokenizer;
  SampleLoader::Options options;
  options.image_size = 16;
  SampleLoader loader(options, lists, chunks, tokenizer);
  const auto rows = loader.Load({{0, 0}, {2, 0}});
  ASSERT_TRUE(rows.ok()) << rows.status();
  EXPECT_EQ(rows->samples, (std::vector<int64_t>{0, 2}));
  const auto& samples = lists[0].samples;
  EXPECT_EQ(rows->image_digests[0], samples[1].image_digest);
  EXPECT_EQ(rows->image_digests[1], samples[0].image_digest);
  EXPECT_EQ(rows->caption_digests[0], samples[1].captions[0].digest);
}

}  // namespace
}  // namespace keel
