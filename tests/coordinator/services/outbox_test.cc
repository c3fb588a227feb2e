#include "coordinator/services/outbox.h"

#include <thread>

#include "gtest/gtest.h"

namespace keel {
namespace {

v1::CoordinatorMessage Ack(int64_t steps) {
  v1::CoordinatorMessage message;
  message.mutable_step_ack()->set_step_count(steps);
  return message;
}

TEST(OutboxTest, HandsOutInOrderAndEndsWhenClosed) {
  Outbox outbox(1 << 20);
  EXPECT_TRUE(outbox.Push(Ack(1)));
  EXPECT_TRUE(outbox.Push(Ack(2)));
  outbox.Close();
  EXPECT_FALSE(outbox.Push(Ack(3)));
  EXPECT_EQ(outbox.Pop()->step_ack().step_count(), 1);
  EXPECT_EQ(outbox.Pop()->step_ack().step_count(), 2);
  EXPECT_FALSE(outbox.Pop().has_value());
}

TEST(OutboxTest, RefusesWhatDoesNotFit) {
  Outbox outbox(Ack(1).ByteSizeLong());
  EXPECT_TRUE(outbox.Push(Ack(1)));
  EXPECT_FALSE(outbox.Push(Ack(1)));
  outbox.Pop();
  EXPECT_TRUE(outbox.Push(Ack(1)));
}

TEST(OutboxTest, WakesAReaderThatWaits) {
  Outbox outbox(1 << 20);
  int64_t got = 0;
  std::thread reader([&] { got = outbox.Pop()->step_ack().step_count(); });
  outbox.Push(Ack(9));
  reader.join();
  EXPECT_EQ(got, 9);
}

}  // namespace
}  // namespace keel
