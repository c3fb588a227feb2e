#include "worker/agent/send_queue.h"

#include "common/clock.h"
#include "gtest/gtest.h"

namespace keel {
namespace {

v1::StepReport Report(int64_t step) {
  v1::StepReport report;
  report.set_step(step);
  return report;
}

v1::WorkerMessage GroupOutcome(int64_t generation) {
  v1::WorkerMessage message;
  message.mutable_group_ended()->set_generation(generation);
  return message;
}

v1::StepAck Ack(int64_t generation, int64_t step_count) {
  v1::StepAck ack;
  ack.set_generation(generation);
  ack.set_step_count(step_count);
  return ack;
}

class SendQueueTest : public testing::Test {
 protected:
  absl::StatusOr<v1::WorkerMessage> Next() {
    return send_queue_.Next(absl::InfiniteFuture());
  }
  bool Empty() {
    return absl::IsDeadlineExceeded(send_queue_.Next(SteadyNow()).status());
  }
  void Connect() {
    send_queue_.BeginStream();
    send_queue_.Open();
  }

  SendQueue send_queue_{SendQueue::Options()};
};

TEST_F(SendQueueTest, HandsNothingOutBeforeTheWelcome) {
  send_queue_.BeginStream();
  send_queue_.AddOutcome(GroupOutcome(1), {1});
  EXPECT_TRUE(Empty());
  send_queue_.Open();
  EXPECT_TRUE(Next()->has_group_ended());
}

TEST_F(SendQueueTest, EndsWhenTheStreamDoes) {
  Connect();
  send_queue_.EndStream();
  EXPECT_TRUE(absl::IsCancelled(Next().status()));
}

TEST_F(SendQueueTest, SendsRequestsThenReportsThenOutcomes) {
  Connect();
  send_queue_.BeginReports(1);
  send_queue_.AddOutcome(GroupOutcome(1), {1});
  send_queue_.AddReport(1, Report(0));
  EXPECT_TRUE(send_queue_.PushRequest({}));
  EXPECT_TRUE(Next()->has_store_request());
  EXPECT_TRUE(Next()->has_step_reports());
  EXPECT_TRUE(Next()->has_group_ended());
  EXPECT_TRUE(Empty());
}

TEST_F(SendQueueTest, RefusesRequestsWithoutAStream) {
  EXPECT_FALSE(send_queue_.PushRequest({}));
  Connect();
  EXPECT_TRUE(send_queue_.PushRequest({}));
  send_queue_.EndStream();
  Connect();
  EXPECT_TRUE(Empty());
}

TEST_F(SendQueueTest, SendsUnacknowledgedReportsAgain) {
  Connect();
  send_queue_.BeginReports(1);
  for (int i = 0; i < 3; ++i) send_queue_.AddReport(1, Report(i));
  send_queue_.AddOutcome(GroupOutcome(1), {1});
  EXPECT_EQ(Next()->step_reports().steps_size(), 3);
  send_queue_.Acknowledge(Ack(1, 1));
  send_queue_.EndStream();
  Connect();
  const auto again = Next();
  ASSERT_TRUE(again.ok());
  ASSERT_EQ(again->step_reports().steps_size(), 2);
  EXPECT_EQ(again->step_reports().steps(0).step(), 1);
}

TEST_F(SendQueueTest, SendsAnOutcomeAgainIfItsStreamBrokeSoon) {
  Connect();
  send_queue_.AddOutcome(GroupOutcome(1), {1});
  EXPECT_TRUE(Next()->has_group_ended());
  send_queue_.EndStream();
  ASSERT_TRUE(send_queue_.NewestOutcome().has_value());
  Connect();
  EXPECT_TRUE(Next()->has_group_ended());
}

TEST_F(SendQueueTest, TakesAnOutcomeAsDeliveredIfItsStreamLivedOn) {
  SendQueue::Options options;
  options.settle_after = absl::ZeroDuration();
  SendQueue send_queue(options);
  send_queue.BeginStream();
  send_queue.Open();
  send_queue.AddOutcome(GroupOutcome(1), {1});
  EXPECT_TRUE(send_queue.Next(absl::InfiniteFuture())->has_group_ended());
  send_queue.EndStream();
  EXPECT_FALSE(send_queue.NewestOutcome().has_value());
}

TEST_F(SendQueueTest, DropsWhatBelongsToAGenerationThatWasGivenUp) {
  send_queue_.BeginReports(1);
  send_queue_.AddReport(1, Report(0));
  send_queue_.AddOutcome(GroupOutcome(1), {1});
  send_queue_.Drop(1);
  send_queue_.AddOutcome(GroupOutcome(1), {1});
  Connect();
  EXPECT_TRUE(Empty());
  send_queue_.AddOutcome(GroupOutcome(2), {2});
  EXPECT_EQ(Next()->group_ended().generation(), 2);
}

TEST_F(SendQueueTest, WaitsForTheAcknowledgement) {
  send_queue_.BeginReports(1);
  send_queue_.AddReport(1, Report(0));
  absl::Notification stop;
  send_queue_.Acknowledge(Ack(1, 1));
  EXPECT_TRUE(send_queue_.WaitForAcknowledgement(1, 1, stop).ok());
  send_queue_.AddReport(1, Report(1));
  stop.Notify();
  EXPECT_TRUE(
      absl::IsCancelled(send_queue_.WaitForAcknowledgement(1, 2, stop)));
}

TEST_F(SendQueueTest, SaysFarewellLast) {
  Connect();
  send_queue_.BeginReports(1);
  send_queue_.AddReport(1, Report(0));
  send_queue_.AddOutcome(GroupOutcome(1), {1});
  v1::Leaving leaving;
  leaving.set_reason("drained");
  send_queue_.Finish(leaving);
  EXPECT_TRUE(Next()->has_step_reports());
  EXPECT_TRUE(Next()->has_group_ended());
  EXPECT_EQ(Next()->leaving().reason(), "drained");
  EXPECT_TRUE(absl::IsCancelled(Next().status()));
}

}  // namespace
}  // namespace keel
