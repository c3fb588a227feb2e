#include "coordinator/client/local_cluster.h"

#include <signal.h>
#include <unistd.h>

#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/free_port.h"
#include "tests/testing/test_folder.h"

namespace keel {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A cluster of stand-ins (fake_server.cc) that write down what they live
// through.
class LocalClusterTest : public ::testing::Test {
 protected:
  LocalClusterTest() {
    const std::string fake = JoinPath(ProgramDirectory(), "keel_fake_server");
    EXPECT_TRUE(CreateDirectories(folder_.Path("bin")).ok());
    EXPECT_TRUE(CreateDirectories(folder_.Path("state")).ok());
    for (const char* name : {"bin/keel-coordinator", "bin/keel-worker"}) {
      std::filesystem::create_symlink(fake, folder_.Path(name));
    }
    options_.program_dir = folder_.Path("bin");
    options_.state_dir = folder_.Path("state");
    // One for the coordinator, three for metrics.
    options_.port = testing::FreePorts(4);
    options_.metrics_port = options_.port + 1;
    options_.restart_delay = absl::Milliseconds(1);
    options_.drain_timeout = absl::Seconds(20);
    options_.tell = [this](const std::string& line) { told_.push_back(line); };
  }

  std::vector<std::string> Events() const {
    const auto text = ReadFile(folder_.Path("state/events"));
    if (!text.ok()) return {};
    return absl::StrSplit(*text, '\n', absl::SkipEmpty());
  }
  // Watches until `count` events named `event` are there.
  absl::Status WatchUntil(LocalCluster& cluster, const std::string& event,
                          int count = 1) {
    const absl::Time deadline = absl::Now() + absl::Seconds(60);
    while (absl::Now() < deadline) {
      const auto events = Events();
      if (std::count(events.begin(), events.end(), event) >= count) {
        return absl::OkStatus();
      }
      const absl::Status status = cluster.Watch();
      if (!status.ok()) return status;
      absl::SleepFor(absl::Milliseconds(5));
    }
    return absl::DeadlineExceededError(event);
  }
  static bool NoHurry() { return false; }

  TestFolder folder_;
  LocalCluster::Options options_;
  std::vector<std::string> told_;
};

TEST_F(LocalClusterTest, StartsTheCoordinatorFirstAndDrainsItLast) {
  auto cluster = LocalCluster::Create(options_);
  ASSERT_TRUE(cluster.ok()) << cluster.status();
  ASSERT_TRUE((*cluster)->Start().ok());
  ASSERT_TRUE(WatchUntil(**cluster, "worker-0 ready").ok());
  ASSERT_TRUE(WatchUntil(**cluster, "worker-1 ready").ok());
  (*cluster)->Drain(&NoHurry);
  const auto events = Events();
  ASSERT_EQ(events.size(), 9u);
  EXPECT_EQ(events[0], "coordinator start");
  EXPECT_EQ(events[1], "coordinator ready");
  EXPECT_EQ(events.back(), "coordinator drained");
  EXPECT_THAT(events, Contains("worker-0 drained"));
  EXPECT_THAT(events, Contains("worker-1 drained"));
}

TEST_F(LocalClusterTest, RunsTheCoordinatorAloneWithoutWorkers) {
  options_.workers = 0;
  auto cluster = LocalCluster::Create(options_);
  ASSERT_TRUE((*cluster)->Start().ok());
  EXPECT_EQ((*cluster)->Describe().size(), 1u);
  (*cluster)->Drain(&NoHurry);
  EXPECT_THAT(Events(), ElementsAre("coordinator start", "coordinator ready",
                                    "coordinator drained"));
}

TEST_F(LocalClusterTest, StartsAWorkerThatFailedAgain) {
  options_.workers = 1;
  options_.max_failures = 1000;
  folder_.Write("state/worker-0.exit", "3");
  auto cluster = LocalCluster::Create(options_);
  ASSERT_TRUE((*cluster)->Start().ok());
  ASSERT_TRUE(WatchUntil(**cluster, "worker-0 start", 3).ok());
  ASSERT_TRUE(RemoveFile(folder_.Path("state/worker-0.exit")).ok());
  ASSERT_TRUE(WatchUntil(**cluster, "worker-0 ready").ok());
  EXPECT_THAT(told_, Contains("worker-0 ended: exit code 3"));
  (*cluster)->Drain(&NoHurry);
}

TEST_F(LocalClusterTest, GivesUpAWorkerThatFailsAgainAndAgain) {
  options_.workers = 1;
  folder_.Write("state/worker-0.exit", "3");
  auto cluster = LocalCluster::Create(options_);
  ASSERT_TRUE((*cluster)->Start().ok());
  const absl::Status status = WatchUntil(**cluster, "worker-0 start", 100);
  EXPECT_TRUE(absl::IsInternal(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("worker-0 failed 5"));
  (*cluster)->Drain(&NoHurry);
}

TEST_F(LocalClusterTest, LeavesAWorkerDownThatWasDrained) {
  options_.workers = 1;
  folder_.Write("state/worker-0.exit", "0");
  auto cluster = LocalCluster::Create(options_);
  ASSERT_TRUE((*cluster)->Start().ok());
  while (told_.empty()) {
    ASSERT_TRUE((*cluster)->Watch().ok());
    absl::SleepFor(absl::Milliseconds(1));
  }
  for (int i = 0; i < 20; ++i) ASSERT_TRUE((*cluster)->Watch().ok());
  EXPECT_THAT(told_, ElementsAre("worker-0 ended: exit code 0"));
  (*cluster)->Drain(&NoHurry);
}

TEST_F(LocalClusterTest, SaysWhereTheLogIsWhenTheCoordinatorFailsAtItsStart) {
  folder_.Write("state/coordinator.exit", "4");
  auto cluster = LocalCluster::Create(options_);
  const absl::Status status = (*cluster)->Start();
  EXPECT_TRUE(absl::IsInternal(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("exit code 4"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("coordinator.log"));
}

TEST_F(LocalClusterTest, KillsWhatDoesNotHeedTheDrain) {
  options_.workers = 1;
  options_.drain_timeout = absl::Milliseconds(100);
  folder_.Write("state/worker-0.deaf", "");
  auto cluster = LocalCluster::Create(options_);
  ASSERT_TRUE((*cluster)->Start().ok());
  ASSERT_TRUE(WatchUntil(**cluster, "worker-0 ready").ok());
  (*cluster)->Drain(&NoHurry);
  EXPECT_THAT(told_, Contains("killing what did not end in time"));
}

TEST_F(LocalClusterTest, RefusesASecondClusterOnTheSameState) {
  auto first = LocalCluster::Create(options_);
  ASSERT_TRUE(first.ok());
  EXPECT_TRUE(
      absl::IsFailedPrecondition(LocalCluster::Create(options_).status()));
}

TEST_F(LocalClusterTest, RefusesAPortThatIsTaken) {
  const int fd = testing::ListenOn(options_.port);
  ASSERT_GE(fd, 0);
  auto cluster = LocalCluster::Create(options_);
  EXPECT_TRUE(absl::IsFailedPrecondition((*cluster)->Start()));
  close(fd);
}

TEST_F(LocalClusterTest, NamesAProgramThatIsMissing) {
  std::filesystem::remove(folder_.Path("bin/keel-worker"));
  const auto cluster = LocalCluster::Create(options_);
  EXPECT_TRUE(absl::IsNotFound(cluster.status()));
  EXPECT_THAT(std::string(cluster.status().message()),
              HasSubstr("keel-worker"));
  options_.workers = 0;
  EXPECT_TRUE(LocalCluster::Create(options_).ok());
}

TEST_F(LocalClusterTest, ChecksItsOptions) {
  const auto refuses = [&](auto change) {
    LocalCluster::Options options = options_;
    change(options);
    return absl::IsInvalidArgument(options.Validate());
  };
  EXPECT_TRUE(options_.Validate().ok());
  EXPECT_TRUE(refuses([](auto& o) { o.workers = -1; }));
  EXPECT_TRUE(refuses([](auto& o) { o.port = 0; }));
  EXPECT_TRUE(refuses([](auto& o) { o.metrics_port = 65535; }));
  EXPECT_TRUE(refuses([](auto& o) { o.port = o.metrics_port + 1; }));
  EXPECT_TRUE(refuses([](auto& o) { o.threads = -1; }));
  EXPECT_TRUE(refuses([](auto& o) { o.state_dir = ""; }));
}

}  // namespace
}  // namespace keel
