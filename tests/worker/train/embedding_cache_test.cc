#include "worker/train/embedding_cache.h"

#include <gtest/gtest.h>

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
  EmbeddingCache cache(2, 3 * 2 * sizeof(float));
  const float vector[] = {1, 2};
  for (uint64_t key = 0; key < 5; ++key) cache.Insert({key, 1}, vector);
  EXPECT_EQ(cache.size(), 3);
  EXPECT_NE(cache.Find({2, 1}), nullptr);
  EXPECT_EQ(cache.Find({3, 1}), nullptr);
}

TEST(EmbeddingCacheTest, KeepsNothingWithoutRoom) {
  EmbeddingCache cache(2, 0);
  const float vector[] = {1, 2};
  cache.Insert({1, 1}, vector);
  EXPECT_EQ(cache.size(), 0);
}

}  // namespace
}  // namespace keel
