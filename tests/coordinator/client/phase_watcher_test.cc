#include "coordinator/client/phase_watcher.h"

#include <atomic>
#include <deque>
#include <mutex>
#include <vector>

#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/coordinator/client/service_host.h"

namespace keel {
namespace {

using ::testing::ElementsAre;

v1::Phase PhaseIn(int number, v1::Phase::State state, int64_t revision) {
  v1::Phase phase;
  phase.set_number(number);
  phase.set_state(state);
  phase.set_revision(revision);
  return phase;
}

// Answers each watch with the next part of a script.
class FakePhases : public v1::PhaseService::Service {
 public:
  struct Part {
    std::vector<v1::Phase> changes;
    grpc::Status end = grpc::Status::OK;
  };
  grpc::Status WatchPhase(
      grpc::ServerContext*, const v1::WatchPhaseRequest* request,
      grpc::ServerWriter<v1::WatchPhaseResponse>* writer) override {
    const std::lock_guard<std::mutex> lock(mu_);
    requests_.push_back(*request);
    if (script_.empty()) return {grpc::StatusCode::UNAVAILABLE, "gone"};
    const Part part = script_.front();
    script_.pop_front();
    for (const v1::Phase& phase : part.changes) {
      v1::WatchPhaseResponse response;
      *response.mutable_phase() = phase;
      writer->Write(response);
    }
    // An error could overtake the changes.
    due_ += part.changes.size();
    while (!part.end.ok() && arrived_ < due_) {
      absl::SleepFor(absl::Milliseconds(1));
    }
    return part.end;
  }
  grpc::Status ListPhases(grpc::ServerContext*, const v1::ListPhasesRequest*,
                          v1::ListPhasesResponse* response) override {
    const std::lock_guard<std::mutex> lock(mu_);
    if (lists_.empty()) return grpc::Status::OK;
    for (const v1::Phase& phase : lists_.front()) {
      *response->add_phases() = phase;
    }
    lists_.pop_front();
    return grpc::Status::OK;
  }

  std::deque<Part> script_;
  std::deque<std::vector<v1::Phase>> lists_;
  std::vector<v1::WatchPhaseRequest> requests_;
  // Changes that the client has.
  std::atomic<size_t> arrived_ = 0;

 private:
  size_t due_ = 0;
  std::mutex mu_;
};

class PhaseWatcherTest : public ::testing::Test {
 protected:
  PhaseWatcherTest()
      : host_(service_), stub_(v1::PhaseService::NewStub(host_.Channel())) {
    options_.show = [this](const v1::Phase& phase) {
      shown_.push_back(phase.state());
      ++service_.arrived_;
    };
    options_.sleep = [this](absl::Duration) { ++sleeps_; };
    options_.give_up_after = absl::Seconds(2);
  }
  PhaseWatcher Watcher() { return PhaseWatcher(*stub_, options_); }

  FakePhases service_;
  ServiceHost host_;
  std::unique_ptr<v1::PhaseService::Stub> stub_;
  PhaseWatcher::Options options_;
  std::vector<v1::Phase::State> shown_;
  int sleeps_ = 0;
};

const grpc::Status kGone(grpc::StatusCode::UNAVAILABLE, "gone");

TEST_F(PhaseWatcherTest, FollowsAPhaseToItsEnd) {
  service_.script_ = {{{PhaseIn(2, v1::Phase::TRAINING, 1),
                        PhaseIn(2, v1::Phase::PUBLISHED, 2)}}};
  const auto phase = Watcher().WatchOne("s", 2);
  ASSERT_TRUE(phase.ok()) << phase.status();
  EXPECT_TRUE(EndedWell(*phase));
  EXPECT_THAT(shown_, ElementsAre(v1::Phase::TRAINING, v1::Phase::PUBLISHED));
}

TEST_F(PhaseWatcherTest, GoesOnAfterTheRevisionThatItSawLast) {
  service_.script_ = {{{PhaseIn(3, v1::Phase::TRAINING, 41)}, kGone},
                      {{}, kGone},
                      {{PhaseIn(3, v1::Phase::FAILED, 50)}}};
  const auto phase = Watcher().WatchOne("s", 0);
  ASSERT_TRUE(phase.ok()) << phase.status();
  EXPECT_FALSE(EndedWell(*phase));
  ASSERT_EQ(service_.requests_.size(), 3u);
  EXPECT_EQ(service_.requests_[0].number(), 0);
  EXPECT_EQ(service_.requests_[0].after_revision(), 0);
  EXPECT_EQ(service_.requests_[2].number(), 3);
  EXPECT_EQ(service_.requests_[2].after_revision(), 41);
  EXPECT_EQ(sleeps_, 2);
}

TEST_F(PhaseWatcherTest, GivesUpWhenTheCoordinatorStaysAway) {
  service_.script_ = {{{PhaseIn(3, v1::Phase::TRAINING, 41)}, kGone}};
  EXPECT_TRUE(absl::IsUnavailable(Watcher().WatchOne("s", 3).status()));
  EXPECT_EQ(sleeps_, 4);
}

TEST_F(PhaseWatcherTest, GivesOtherErrorsBackAtOnce) {
  service_.script_ = {{{}, {grpc::StatusCode::NOT_FOUND, "no such phase"}}};
  EXPECT_TRUE(absl::IsNotFound(Watcher().WatchOne("s", 9).status()));
  EXPECT_EQ(sleeps_, 0);
}

TEST_F(PhaseWatcherTest, FollowsEveryPhaseUntilNoneIsLeft) {
  const auto published1 = PhaseIn(1, v1::Phase::PUBLISHED, 9);
  const auto queued2 = PhaseIn(2, v1::Phase::QUEUED, 1);
  const auto skipped2 = PhaseIn(2, v1::Phase::SKIPPED, 2);
  service_.lists_ = {{PhaseIn(1, v1::Phase::TRAINING, 3), queued2},
                     {published1, queued2},
                     {published1, skipped2}};
  // The last time it asks for the newest.
  service_.script_ = {{{published1}}, {{skipped2}}, {{skipped2}}};
  const auto phase = Watcher().WatchAll("s");
  ASSERT_TRUE(phase.ok()) << phase.status();
  EXPECT_EQ(phase->number(), 2);
  ASSERT_EQ(service_.requests_.size(), 3u);
  EXPECT_EQ(service_.requests_[0].number(), 1);
  EXPECT_EQ(service_.requests_[1].number(), 2);
  EXPECT_EQ(service_.requests_[2].number(), 0);
  EXPECT_EQ(service_.arrived_, 2u);  // nothing is shown twice
}

TEST_F(PhaseWatcherTest, FollowsAPhaseThatAChunkIsAboutToBecome) {
  const auto published1 = PhaseIn(1, v1::Phase::PUBLISHED, 9);
  const auto published2 = PhaseIn(2, v1::Phase::PUBLISHED, 5);
  service_.lists_ = {{PhaseIn(1, v1::Phase::TRAINING, 3)}, {published1}};
  service_.script_ = {{{published1}}, {{published2}}, {{published2}}};
  const auto phase = Watcher().WatchAll("s");
  ASSERT_TRUE(phase.ok()) << phase.status();
  EXPECT_EQ(phase->number(), 2);
}

TEST_F(PhaseWatcherTest, StopsAtAPhaseThatFailed) {
  service_.lists_ = {
      {PhaseIn(1, v1::Phase::TRAINING, 3), PhaseIn(2, v1::Phase::QUEUED, 1)}};
  service_.script_ = {{{PhaseIn(1, v1::Phase::FAILED, 4)}}};
  const auto phase = Watcher().WatchAll("s");
  ASSERT_TRUE(phase.ok()) << phase.status();
  EXPECT_EQ(phase->state(), v1::Phase::FAILED);
}

TEST_F(PhaseWatcherTest, WatchesTheNewestWhenNoneIsRunning) {
  service_.lists_ = {{PhaseIn(1, v1::Phase::PUBLISHED, 3)}};
  service_.script_ = {{{PhaseIn(1, v1::Phase::PUBLISHED, 3)}},
                      {{PhaseIn(1, v1::Phase::PUBLISHED, 3)}}};
  EXPECT_TRUE(Watcher().WatchAll("s").ok());
  EXPECT_EQ(service_.requests_[0].number(), 0);
}

}  // namespace
}  // namespace keel
