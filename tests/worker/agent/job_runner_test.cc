#include "worker/agent/job_runner.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/clock.h"
#include "gtest/gtest.h"

namespace keel {
namespace {

// A job that starts, then works until it is let go or stopped.
class TestJob : public Job {
 public:
  explicit TestJob(int64_t generation) : generation_(generation) {}

  v1::WorkerMessage Run() override {
    started.Notify();
    hold.WaitForNotification();
    return Ended("ran");
  }
  v1::WorkerMessage Refuse(std::string_view reason) const override {
    return Ended(std::string(reason));
  }
  JobPosition position() const override {
    JobPosition position;
    position.generation = generation_;
    return position;
  }

  absl::Notification started;
  absl::Notification hold;

 private:
  v1::WorkerMessage Ended(const std::string& text) const {
    v1::WorkerMessage message;
    message.mutable_group_ended()->set_generation(generation_);
    message.mutable_group_ended()->set_message(text);
    return message;
  }
  const int64_t generation_;
};

class JobRunnerTest : public testing::Test {
 protected:
  std::shared_ptr<TestJob> Start(int64_t generation) {
    auto job = std::make_shared<TestJob>(generation);
    runner_.Submit(job);
    job->started.WaitForNotification();
    return job;
  }
  std::string Told(size_t index) {
    absl::MutexLock lock(&mu_);
    if (index >= told_.size()) return "";
    const v1::GroupEnded& ended = told_[index].group_ended();
    return absl::StrCat(ended.generation(), " ", ended.message());
  }
  bool WaitUntilIdle() { return runner_.WaitUntilIdle(absl::Seconds(30)); }

  absl::Mutex mu_;
  std::vector<v1::WorkerMessage> told_ ABSL_GUARDED_BY(mu_);
  JobRunner runner_{[this](const Job&, v1::WorkerMessage message, bool) {
    absl::MutexLock lock(&mu_);
    told_.push_back(std::move(message));
  }};
};

TEST_F(JobRunnerTest, RunsAJobAndTellsItsEnd) {
  const auto job = Start(1);
  EXPECT_EQ(runner_.jobs().size(), 1u);
  job->hold.Notify();
  ASSERT_TRUE(WaitUntilIdle());
  EXPECT_EQ(Told(0), "1 ran");
  EXPECT_TRUE(runner_.jobs().empty());
}

TEST_F(JobRunnerTest, NewOrderCancelsTheOldOneAndFollowsIt) {
  const auto first = Start(1);
  const auto second = std::make_shared<TestJob>(2);
  runner_.Submit(second);
  EXPECT_TRUE(first->stop().cancelled().HasBeenNotified());
  EXPECT_EQ(runner_.jobs().back()->position().generation, 2);
  first->hold.Notify();
  second->started.WaitForNotification();
  second->hold.Notify();
  ASSERT_TRUE(WaitUntilIdle());
  EXPECT_EQ(Told(0), "1 ran");
  EXPECT_EQ(Told(1), "2 ran");
}

TEST_F(JobRunnerTest, TheSameOrderTwiceHasOneEffect) {
  const auto job = Start(1);
  runner_.Submit(std::make_shared<TestJob>(1));
  EXPECT_FALSE(job->stop().requested().HasBeenNotified());
  job->hold.Notify();
  ASSERT_TRUE(WaitUntilIdle());
  EXPECT_EQ(Told(1), "");
}

TEST_F(JobRunnerTest, RefusesAWaitingOrderThatIsTakenBack) {
  const auto first = Start(1);
  runner_.Submit(std::make_shared<TestJob>(2));
  runner_.CancelGroup(2, "regroup");
  EXPECT_EQ(Told(0), "2 regroup");
  first->hold.Notify();
  ASSERT_TRUE(WaitUntilIdle());
  EXPECT_EQ(Told(1), "1 ran");
}

TEST_F(JobRunnerTest, CancelOfAnotherGenerationChangesNothing) {
  const auto job = Start(1);
  runner_.CancelGroup(7, "regroup");
  runner_.CancelTask("", "gone");
  EXPECT_FALSE(job->stop().requested().HasBeenNotified());
  job->hold.Notify();
}

TEST_F(JobRunnerTest, DrainAsksTheJobAndRefusesOthers) {
  const auto job = Start(1);
  runner_.Drain("SIGTERM");
  EXPECT_TRUE(job->stop().requested().HasBeenNotified());
  EXPECT_FALSE(job->stop().cancelled().HasBeenNotified());
  runner_.Submit(std::make_shared<TestJob>(2));
  EXPECT_EQ(Told(0), "2 SIGTERM");
  job->hold.Notify();
  ASSERT_TRUE(WaitUntilIdle());
}

TEST_F(JobRunnerTest, IsOverdueOnlyAfterTheGrace) {
  const auto job = Start(1);
  const absl::Duration grace = absl::Hours(5);
  EXPECT_FALSE(runner_.IsOverdue(SteadyNow() + absl::Hours(9), grace));
  runner_.CancelGroup(1, "regroup");
  EXPECT_FALSE(runner_.IsOverdue(SteadyNow() + absl::Hours(4), grace));
  EXPECT_TRUE(runner_.IsOverdue(SteadyNow() + absl::Hours(6), grace));
  job->hold.Notify();
  ASSERT_TRUE(WaitUntilIdle());
  EXPECT_FALSE(runner_.IsOverdue(SteadyNow() + absl::Hours(9), grace));
}

}  // namespace
}  // namespace keel
