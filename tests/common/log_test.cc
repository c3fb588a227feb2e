#include "common/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <thread>
#include <vector>

namespace keel {
namespace {

using testing::HasSubstr;
using testing::internal::CaptureStderr;
using testing::internal::GetCapturedStderr;

class LogTest : public testing::Test {
 protected:
  ~LogTest() override {
    SetLogLevel(LogLevel::kInfo);
    SetLogName("");
  }
};

TEST_F(LogTest, WritesTimeLevelNameMessageAndFields) {
  SetLogName("coordinator");
  CaptureStderr();
  LogInfo("phase formed", {{"stream", "a"}, {"phase", "2"}});
  EXPECT_THAT(GetCapturedStderr(),
              testing::MatchesRegex(
                  "[0-9]+-[0-9]+-[0-9]+T[0-9]+:[0-9]+:[0-9]+\\.[0-9]+Z INFO "
                  "coordinator: phase formed stream=a phase=2\n"));
}

TEST_F(LogTest, DropsLinesBelowTheLevel) {
  CaptureStderr();
  LogDebug("hidden");
  SetLogLevel(LogLevel::kError);
  LogWarning("hidden too");
  LogError("shown");
  const std::string text = GetCapturedStderr();
  EXPECT_THAT(text, testing::Not(HasSubstr("hidden")));
  EXPECT_THAT(text, HasSubstr("ERROR shown"));
}

TEST_F(LogTest, QuotesValuesWithBlanksAndQuotes) {
  CaptureStderr();
  LogInfo("m", {{"why", "a \"b\""}, {"none", ""}});
  EXPECT_THAT(GetCapturedStderr(),
              HasSubstr("why=\"a \\\"b\\\"\" none=\"\"\n"));
}

TEST_F(LogTest, KeepsHostileTextOnOneLine) {
  CaptureStderr();
  LogInfo("a\nb\x1b[2J", {{"key", "x\ny"}});
  const std::string text = GetCapturedStderr();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
  EXPECT_THAT(text, HasSubstr("a\\nb\\x1b[2J key=\"x\\ny\""));
}

TEST_F(LogTest, KeepsLinesOfManyThreadsWhole) {
  constexpr int kThreads = 4, kLines = 200;
  CaptureStderr();
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([] {
      for (int j = 0; j < kLines; ++j) LogInfo("whole", {{"end", "here"}});
    });
  }
  for (std::thread& thread : threads) thread.join();
  const std::string text = GetCapturedStderr();
  int whole = 0;
  for (size_t at = 0;
       (at = text.find("INFO whole end=here\n", at)) != std::string::npos;
       ++at) {
    ++whole;
  }
  EXPECT_EQ(whole, kThreads * kLines);
}

}  // namespace
}  // namespace keel
