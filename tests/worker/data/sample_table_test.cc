#include "worker/data/sample_table.h"

#include <gtest/gtest.h>

namespace keel {
namespace {

SampleList ListOf(std::string digest, std::vector<std::string> keys) {
  SampleList list;
  list.chunk_digest = std::move(digest);
  for (auto& key : keys) {
    SampleRef sample;
    sample.key = std::move(key);
    list.samples.push_back(std::move(sample));
  }
  return list;
}

TEST(SampleTableTest, CountsThroughTheLists) {
  const std::vector<SampleList> lists = {ListOf("x", {"a", "b"}),
                                         ListOf("y", {}), ListOf("z", {"c"})};
  const SampleTable table(lists);
  ASSERT_EQ(table.count(), 3);
  EXPECT_EQ(table.at(0).sample->key, "a");
  EXPECT_EQ(table.at(1).sample->key, "b");
  EXPECT_EQ(*table.at(1).chunk_digest, "x");
  EXPECT_EQ(table.at(2).sample->key, "c");
  EXPECT_EQ(*table.at(2).chunk_digest, "z");
}

TEST(SampleTableTest, IsEmptyWithoutLists) {
  const std::vector<SampleList> lists;
  EXPECT_EQ(SampleTable(lists).count(), 0);
}

}  // namespace
}  // namespace keel
