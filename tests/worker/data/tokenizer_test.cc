#include "worker/data/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

namespace keel {
namespace {

using ::testing::ElementsAre;

// One for all tests: building it takes a moment.
const Tokenizer& SharedTokenizer() {
  static const Tokenizer* const tokenizer = new Tokenizer;
  return *tokenizer;
}

nlohmann::json GoldenRows() {
  std::ifstream file("tests/golden/clip_tokens.json");
  return nlohmann::json::parse(file);
}

TEST(TokenizerTest, EqualsOpenClipOnGoldenTexts) {
  const auto rows = GoldenRows();
  ASSERT_GE(rows.size(), 60u);
  for (const auto& row : rows) {
    const std::string text = row["text"];
    const std::vector<int32_t> ids = row["ids"];
    EXPECT_EQ(SharedTokenizer().Encode(text), ids) << text;
  }
}

TEST(TokenizerTest, PutsStartAndEndAroundTheText) {
  EXPECT_THAT(SharedTokenizer().Tokenize("hello world", 77),
              ElementsAre(Tokenizer::kStart, 3306, 1002, Tokenizer::kEnd));
  EXPECT_THAT(SharedTokenizer().Tokenize("", 77),
              ElementsAre(Tokenizer::kStart, Tokenizer::kEnd));
}

TEST(TokenizerTest, KeepsTheEndWhenTheTextIsCut) {
  EXPECT_THAT(SharedTokenizer().Tokenize("hello world hello world", 4),
              ElementsAre(Tokenizer::kStart, 3306, 1002, Tokenizer::kEnd));
  EXPECT_THAT(SharedTokenizer().Tokenize("hello world", 2),
              ElementsAre(Tokenizer::kStart, Tokenizer::kEnd));
}

TEST(TokenizerTest, FillsTheContextExactly) {
  const auto ids = SharedTokenizer().Tokenize("hello world", 4);
  EXPECT_EQ(ids.size(), 4u);
  EXPECT_EQ(ids.back(), Tokenizer::kEnd);
}

TEST(TokenizerTest, GivesTheSameIdsWhenAskedAgain) {
  const auto first =
      SharedTokenizer().Encode("an uncommonword twice: uncommonword");
  EXPECT_EQ(SharedTokenizer().Encode("an uncommonword twice: uncommonword"),
            first);
}

TEST(TokenizerTest, TakesInvalidUtf8AsReplacementCharacters) {
  EXPECT_EQ(SharedTokenizer().Encode("a \xFF b"),
            SharedTokenizer().Encode("a \uFFFD b"));
}

TEST(TokenizerTest, EncodesOneVeryLongWord) {
  const std::string word(200'000, 'z');
  EXPECT_FALSE(SharedTokenizer().Encode(word).empty());
}

TEST(TokenizerTest, AgreesWithItselfFromSeveralThreads) {
  const Tokenizer tokenizer;
  const auto rows = GoldenRows();
  std::vector<std::thread> threads;
  std::vector<int> errors(4, 0);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (const auto& row : rows) {
        const std::vector<int32_t> ids = row["ids"];
        if (tokenizer.Encode(row["text"].get<std::string>()) != ids)
          ++errors[t];
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_THAT(errors, ElementsAre(0, 0, 0, 0));
}

}  // namespace
}  // namespace keel
