#include "worker/data/batch_prefetcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <new>

#include "absl/synchronization/mutex.h"
#include "tests/worker/data/fake_chunks.h"

namespace keel {
namespace {

using ::testing::ElementsAre;

class BatchPrefetcherTest : public ::testing::Test {
 protected:
  // `count` batches: sample i mod 4 with each of its two captions.
  BatchPrefetcher::Requests Batches(int64_t count) {
    return
        [this, count](int64_t index) -> std::optional<std::vector<RowRequest>> {
          absl::MutexLock lock(&mutex_);
          asked_ = index + 1;
          most_ahead_ = std::max(most_ahead_, asked_ - taken_);
          if (index == count) return std::nullopt;
          return std::vector<RowRequest>{{index % 4, 0}, {index % 4, 1}};
        };
  }

  void WaitUntilAsked(int64_t count) {
    absl::MutexLock lock(&mutex_);
    const auto reached = [this, count] { return asked_ >= count; };
    mutex_.Await(absl::Condition(&reached));
  }

  // Of those that were taken, by the batches that were asked for.
  int64_t most_ahead() {
    absl::MutexLock lock(&mutex_);
    return most_ahead_;
  }
  // Before a call of Next.
  void NoteTaken() {
    absl::MutexLock lock(&mutex_);
    ++taken_;
  }

  FakeChunks chunks_;
  const std::vector<SampleList> lists_ = FillWithPictures(chunks_, 4);
  const Tokenizer tokenizer_;
  SampleLoader loader_{
      {.image_size = 16, .context_length = 8}, lists_, chunks_, tokenizer_};
  absl::Mutex mutex_;
  int64_t asked_ = 0;
  int64_t taken_ = 0;
  int64_t most_ahead_ = 0;
};

TEST_F(BatchPrefetcherTest, GivesBatchesInOrderThenTheEnd) {
  BatchPrefetcher prefetcher(loader_, Batches(6), 2);
  for (int64_t i = 0; i < 6; ++i) {
    const auto rows = prefetcher.Next();
    ASSERT_TRUE(rows.ok()) << rows.status();
    EXPECT_THAT(rows->samples, ElementsAre(i % 4, i % 4));
  }
  EXPECT_TRUE(absl::IsOutOfRange(prefetcher.Next().status()));
  EXPECT_TRUE(absl::IsOutOfRange(prefetcher.Next().status()));
}

TEST_F(BatchPrefetcherTest, LoadsAheadUpToItsDepth) {
  BatchPrefetcher prefetcher(loader_, Batches(100), 3);
  for (int64_t i = 0; i < 50; ++i) {
    WaitUntilAsked(i + 3);
    NoteTaken();
    ASSERT_TRUE(prefetcher.Next().ok());
  }
  EXPECT_EQ(most_ahead(), 3);
}

TEST_F(BatchPrefetcherTest, EndsWhileNobodyTakesTheBatches) {
  BatchPrefetcher prefetcher(loader_, Batches(100), 1);
  WaitUntilAsked(1);
}

TEST_F(BatchPrefetcherTest, IsCancelledBetweenTwoRows) {
  BatchPrefetcher prefetcher(loader_, Batches(1), 1,
                             [this] { return chunks_.read_count() > 0; });
  EXPECT_TRUE(absl::IsCancelled(prefetcher.Next().status()));
  // Image and caption of the first row.
  EXPECT_EQ(chunks_.read_count(), 2);
}

TEST_F(BatchPrefetcherTest, ExceptionsEndItAsErrors) {
  const auto out_of_memory =
      [](int64_t index) -> std::optional<std::vector<RowRequest>> {
    if (index == 1) throw std::bad_alloc();
    return std::vector<RowRequest>{{0, 0}};
  };
  BatchPrefetcher prefetcher(loader_, out_of_memory, 4);
  EXPECT_TRUE(prefetcher.Next().ok());
  EXPECT_TRUE(absl::IsResourceExhausted(prefetcher.Next().status()));
}

TEST_F(BatchPrefetcherTest, GivesAnErrorInItsPlaceAndKeepsIt) {
  const auto requests =
      [](int64_t index) -> std::optional<std::vector<RowRequest>> {
    return std::vector<RowRequest>{{index == 1 ? 99 : 0, 0}};
  };
  BatchPrefetcher prefetcher(loader_, requests, 4);
  EXPECT_TRUE(prefetcher.Next().ok());
  EXPECT_TRUE(absl::IsInvalidArgument(prefetcher.Next().status()));
  EXPECT_TRUE(absl::IsInvalidArgument(prefetcher.Next().status()));
}

}  // namespace
}  // namespace keel
