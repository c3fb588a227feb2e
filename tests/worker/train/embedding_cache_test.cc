#include "worker/train/embedding_cache.h"

#include <gtest/gtest.h>

#include <vector>

namespace keel {
namespace {

TEST(EmbeddingCacheTest, FindsWhatWasInsertedFirst) {
  EmbeddingCache cache(2, 1000);
  const float first[] = {1, 2}, second[] = {3, 4};
  EXPECT_EQ(cache.Find({5, 0}), nullptr);
  cache.Insert({5, 0}, first);
  cache.Insert({5, 0}, second);
  EXPECT_EQ(cache.Find({5, 0})[1], 2);
  EXPECT_EQ(cache.size(), 1);
}

TEST(EmbeddingCacheTest, TakesNoMoreThanItsCapacity) {
  constexpr int64_t kBytes = 100'000;
  EmbeddingCache cache(32, kBytes);
  std::vector<float> vector(32);
  for (uint64_t key = 0; key < 5000; ++key) {
    vector[31] = static_cast<float>(key);
    cache.Insert({key, 1}, vector.data());
  }
  // The vectors themselves, and something for finding them.
  EXPECT_LT(cache.size() * 32 * static_cast<int64_t>(sizeof(float)), kBytes);
  EXPECT_GT(cache.size() * 32 * static_cast<int64_t>(sizeof(float)),
            kBytes / 2);
  for (uint64_t key = 0; key < 5000; ++key) {
    const float* found = cache.Find({key, 1});
    ASSERT_EQ(found != nullptr, static_cast<int64_t>(key) < cache.size());
    if (found != nullptr) EXPECT_EQ(found[31], key);
  }
}

TEST(EmbeddingCacheTest, FindsNothingByAnotherKey) {
  EmbeddingCache cache(2, 1000);
  const float vector[] = {1, 2};
  cache.Insert({1, 2}, vector);
  EXPECT_EQ(cache.Find({1, 3}), nullptr);
  EXPECT_EQ(cache.Find({2, 2}), nullptr);
}

TEST(EmbeddingCacheTest, KeepsNothingWithoutRoom) {
  EmbeddingCache cache(2, 0);
  const float vector[] = {1, 2};
  cache.Insert({1, 1}, vector);
  EXPECT_EQ(cache.size(), 0);
}

}  // namespace
}  // namespace keel
