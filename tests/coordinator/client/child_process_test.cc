#include "coordinator/client/child_process.h"

#include <signal.h>

#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/test_folder.h"

namespace keel {
namespace {

using ::testing::HasSubstr;

void WaitForEnd(ChildProcess& child) {
  while (child.Running()) absl::SleepFor(absl::Milliseconds(5));
}

TEST(ChildProcessTest, AppendsItsOutputToTheLog) {
  TestFolder folder;
  folder.Write("log", "before\n");
  auto child = ChildProcess::Start({"/bin/sh", "-c", "echo out; echo err >&2"},
                                   folder.Path("log"));
  ASSERT_TRUE(child.ok()) << child.status();
  WaitForEnd(**child);
  EXPECT_TRUE((*child)->EndedWell());
  EXPECT_EQ(folder.Read("log"), "before\nout\nerr\n");
}

TEST(ChildProcessTest, TellsHowItEnded) {
  TestFolder folder;
  auto failed =
      ChildProcess::Start({"/bin/sh", "-c", "exit 3"}, folder.Path("log"));
  WaitForEnd(**failed);
  EXPECT_FALSE((*failed)->EndedWell());
  EXPECT_EQ((*failed)->HowItEnded(), "exit code 3");
  auto killed = ChildProcess::Start({"/bin/sleep", "100"}, folder.Path("log"));
  EXPECT_TRUE((*killed)->Running());
  (*killed)->Signal(SIGKILL);
  WaitForEnd(**killed);
  EXPECT_EQ((*killed)->HowItEnded(), "signal 9");
}

TEST(ChildProcessTest, NamesAProgramThatCannotBeStarted) {
  TestFolder folder;
  const auto child =
      ChildProcess::Start({folder.Path("missing")}, folder.Path("log"));
  EXPECT_TRUE(absl::IsNotFound(child.status()));
  EXPECT_THAT(std::string(child.status().message()), HasSubstr("missing"));
}

TEST(ChildProcessTest, GetsItsSignalsBack) {
  TestFolder folder;
  sigset_t term, before;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  sigprocmask(SIG_BLOCK, &term, &before);
  auto child = ChildProcess::Start({"/bin/sleep", "100"}, folder.Path("log"));
  sigprocmask(SIG_SETMASK, &before, nullptr);
  (*child)->Signal(SIGTERM);
  WaitForEnd(**child);
  EXPECT_EQ((*child)->HowItEnded(), "signal 15");
}

TEST(ChildProcessTest, IsKilledWithItsOwner) {
  TestFolder folder;
  pid_t pid;
  {
    auto child = ChildProcess::Start({"/bin/sleep", "100"}, folder.Path("log"));
    pid = (*child)->pid();
    EXPECT_EQ(kill(pid, 0), 0);
  }
  EXPECT_EQ(kill(pid, 0), -1);
}

}  // namespace
}  // namespace keel
