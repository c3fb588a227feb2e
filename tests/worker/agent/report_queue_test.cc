#include "worker/agent/report_queue.h"

#include <gtest/gtest.h>

namespace keel {
namespace {

v1::StepReport ReportOf(int64_t step) {
  v1::StepReport report;
  report.set_step(step);
  return report;
}

ReportQueue Filled(int count) {
  ReportQueue queue;
  queue.Begin(7);
  for (int i = 0; i < count; ++i) queue.Add(7, ReportOf(i));
  return queue;
}

TEST(ReportQueueTest, HandsOutBatchesInOrder) {
  ReportQueue queue = Filled(100);
  const v1::StepReports first = queue.NextBatch();
  EXPECT_EQ(first.generation(), 7);
  EXPECT_EQ(first.steps_size(), 64);
  const v1::StepReports second = queue.NextBatch();
  ASSERT_EQ(second.steps_size(), 36);
  EXPECT_EQ(second.steps(0).step(), 64);
  EXPECT_EQ(queue.unsent(), 0u);
}

TEST(ReportQueueTest, StartsFromTheFirstUnacknowledgedAfterRewind) {
  ReportQueue queue = Filled(10);
  queue.NextBatch();
  queue.Acknowledge(7, 4);
  EXPECT_EQ(queue.unsent(), 0u);
  queue.Rewind();
  const v1::StepReports again = queue.NextBatch();
  ASSERT_EQ(again.steps_size(), 6);
  EXPECT_EQ(again.steps(0).step(), 4);
}

TEST(ReportQueueTest, AcknowledgesUnsentReportsToo) {
  ReportQueue queue = Filled(10);
  queue.Acknowledge(7, 3);
  EXPECT_EQ(queue.unsent(), 7u);
  EXPECT_EQ(queue.NextBatch().steps(0).step(), 3);
}

TEST(ReportQueueTest, IgnoresOtherGenerations) {
  ReportQueue queue = Filled(3);
  queue.Acknowledge(6, 3);
  queue.Add(6, ReportOf(3));
  EXPECT_EQ(queue.unsent(), 3u);
  queue.Begin(8);
  EXPECT_EQ(queue.unsent(), 0u);
  EXPECT_EQ(queue.generation(), 8);
}

TEST(ReportQueueTest, KnowsWhatIsAcknowledged) {
  ReportQueue queue = Filled(5);
  EXPECT_FALSE(queue.AcknowledgedBelow(1));
  queue.Acknowledge(7, 3);
  EXPECT_TRUE(queue.AcknowledgedBelow(3));
  EXPECT_FALSE(queue.AcknowledgedBelow(4));
  queue.Acknowledge(7, 5);
  EXPECT_TRUE(queue.AcknowledgedBelow(100));
}

}  // namespace
}  // namespace keel
