#include "worker/data/bounded_cache.h"

#include <gtest/gtest.h>

#include <memory>

namespace keel {
namespace {

TEST(BoundedCacheTest, FindsWhatWasInserted) {
  BoundedCache<int, int> cache(100);
  cache.Insert(1, std::make_shared<const int>(10), 50);
  ASSERT_NE(cache.Find(1), nullptr);
  EXPECT_EQ(*cache.Find(1), 10);
  EXPECT_EQ(cache.Find(2), nullptr);
}

TEST(BoundedCacheTest, KeepsTheOldWhenFull) {
  BoundedCache<int, int> cache(100);
  cache.Insert(1, std::make_shared<const int>(10), 60);
  cache.Insert(2, std::make_shared<const int>(20), 60);
  EXPECT_NE(cache.Find(1), nullptr);
  EXPECT_EQ(cache.Find(2), nullptr);
  EXPECT_EQ(cache.size_bytes(), 60);
}

TEST(BoundedCacheTest, KeepsTheFirstValueOfAKey) {
  BoundedCache<int, int> cache(100);
  cache.Insert(1, std::make_shared<const int>(10), 10);
  cache.Insert(1, std::make_shared<const int>(11), 10);
  EXPECT_EQ(*cache.Find(1), 10);
  EXPECT_EQ(cache.size_bytes(), 10);
}

TEST(BoundedCacheTest, HoldsNothingWithoutRoom) {
  BoundedCache<int, int> cache(0);
  cache.Insert(1, std::make_shared<const int>(10), 1);
  EXPECT_EQ(cache.Find(1), nullptr);
}

}  // namespace
}  // namespace keel
