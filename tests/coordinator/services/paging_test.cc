#include "coordinator/services/paging.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "keel/v1/stream.pb.h"

namespace keel {
namespace {

std::vector<v1::Stream> Streams(int count) {
  std::vector<v1::Stream> streams(count);
  for (int i = 0; i < count; ++i) {
    streams[i].set_name(std::string(1, static_cast<char>('a' + i)));
  }
  return streams;
}

absl::Status Fill(int count, int size, const std::string& token,
                  v1::ListStreamsResponse* page) {
  page->Clear();
  return FillPage(
      Streams(count), [](const v1::Stream& s) { return s.name(); }, size, token,
      page->mutable_streams(), page->mutable_next_page_token());
}

TEST(PagingTest, WalksThroughAllItemsOnce) {
  v1::ListStreamsResponse page;
  std::string seen, token;
  do {
    ASSERT_TRUE(Fill(5, 2, token, &page).ok());
    for (const v1::Stream& stream : page.streams()) seen += stream.name();
    token = page.next_page_token();
  } while (!token.empty());
  EXPECT_EQ(seen, "abcde");
}

TEST(PagingTest, GivesNoTokenOnAFullLastPage) {
  v1::ListStreamsResponse page;
  ASSERT_TRUE(Fill(2, 2, "", &page).ok());
  EXPECT_EQ(page.streams_size(), 2);
  EXPECT_TRUE(page.next_page_token().empty());
}

TEST(PagingTest, EndsAPageBeforeItGrowsTooLarge) {
  std::vector<v1::Stream> streams = Streams(5);
  for (v1::Stream& stream : streams) {
    stream.set_uid(std::string(kMaxPageBytes / 2 - 100, 'x'));
  }
  streams[4].set_uid(std::string(2 * kMaxPageBytes, 'x'));
  std::vector<int> sizes;
  v1::ListStreamsResponse page;
  do {
    const std::string token = page.next_page_token();
    page.Clear();
    ASSERT_TRUE(FillPage(
                    streams, [](const v1::Stream& s) { return s.name(); }, 100,
                    token, page.mutable_streams(),
                    page.mutable_next_page_token())
                    .ok());
    sizes.push_back(page.streams_size());
  } while (!page.next_page_token().empty());
  EXPECT_EQ(sizes, (std::vector<int>{2, 2, 1}));
}

TEST(PagingTest, RefusesNegativeSizesAndForeignTokens) {
  v1::ListStreamsResponse page;
  EXPECT_TRUE(absl::IsInvalidArgument(Fill(2, -1, "", &page)));
  EXPECT_TRUE(absl::IsInvalidArgument(Fill(2, 1, "x!", &page)));
  EXPECT_TRUE(absl::IsInvalidArgument(Fill(2, 1, "YQ", &page)));
}

TEST(PagingTest, BoundsThePageSize) {
  int size = 0;
  std::string after;
  ASSERT_TRUE(ParsePage(0, "", &size, &after).ok());
  EXPECT_EQ(size, kDefaultPageSize);
  ASSERT_TRUE(ParsePage(1'000'000, "", &size, &after).ok());
  EXPECT_EQ(size, kMaxPageSize);
}

}  // namespace
}  // namespace keel
