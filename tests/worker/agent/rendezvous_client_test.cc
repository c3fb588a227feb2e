#include "worker/agent/rendezvous_client.h"

#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "gtest/gtest.h"

namespace keel {
namespace {

// Collects requests; a test answers them by hand.
class Wire {
 public:
  bool Send(v1::StoreRequest request) {
    absl::MutexLock lock(&mu_);
    requests_.push_back(std::move(request));
    return up_;
  }
  v1::StoreRequest Await(size_t index) {
    absl::MutexLock lock(&mu_);
    const auto there = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
      return requests_.size() > index;
    };
    mu_.Await(absl::Condition(&there));
    return requests_[index];
  }
  void Cut() {
    absl::MutexLock lock(&mu_);
    up_ = false;
  }

 private:
  absl::Mutex mu_;
  std::vector<v1::StoreRequest> requests_ ABSL_GUARDED_BY(mu_);
  bool up_ ABSL_GUARDED_BY(mu_) = true;
};

class RendezvousClientTest : public testing::Test {
 protected:
  v1::StoreReply ReplyTo(const v1::StoreRequest& request) {
    v1::StoreReply reply;
    reply.set_generation(request.generation());
    reply.set_id(request.id());
    return reply;
  }

  Wire wire_;
  RendezvousClient client_{
      5, [this](v1::StoreRequest r) { return wire_.Send(std::move(r)); }};
};

TEST_F(RendezvousClientTest, SetNamesGenerationKeyAndValue) {
  std::thread server([&] {
    const v1::StoreRequest request = wire_.Await(0);
    EXPECT_EQ(request.generation(), 5);
    EXPECT_EQ(request.operation(), v1::StoreRequest::SET);
    EXPECT_EQ(request.keys(0), "rank0");
    EXPECT_EQ(request.value(), std::string("\0a", 2));
    client_.Deliver(ReplyTo(request));
  });
  EXPECT_TRUE(client_.Set("rank0", std::string("\0a", 2)).ok());
  server.join();
}

TEST_F(RendezvousClientTest, RepliesReachTheirCallsInAnyOrder) {
  std::thread server([&] {
    const v1::StoreRequest a = wire_.Await(0);
    const v1::StoreRequest b = wire_.Await(1);
    for (const v1::StoreRequest& request : {b, a}) {
      v1::StoreReply reply = ReplyTo(request);
      reply.set_value("value of " + request.keys(0));
      client_.Deliver(reply);
    }
  });
  absl::StatusOr<std::string> other;
  std::thread waiter([&] { other = client_.Get("x", absl::Seconds(30)); });
  const auto mine = client_.Get("y", absl::Seconds(30));
  waiter.join();
  server.join();
  EXPECT_EQ(mine.value(), "value of y");
  EXPECT_EQ(other.value(), "value of x");
}

TEST_F(RendezvousClientTest, ReturnsNumbersAndFlags) {
  std::thread server([&] {
    for (size_t i = 0; i < 5; ++i) {
      v1::StoreReply reply = ReplyTo(wire_.Await(i));
      reply.set_number(42);
      reply.set_found(true);
      reply.set_value("there");
      client_.Deliver(reply);
    }
  });
  EXPECT_EQ(client_.Add("n", 2).value(), 42);
  EXPECT_TRUE(client_.Check({"a", "b"}).value());
  EXPECT_TRUE(client_.Delete("a").value());
  EXPECT_EQ(client_.Count().value(), 42);
  EXPECT_EQ(client_.CompareSet("k", "old", "new").value(), "there");
  server.join();
  EXPECT_EQ(wire_.Await(0).amount(), 2);
  EXPECT_EQ(wire_.Await(1).keys_size(), 2);
  EXPECT_EQ(wire_.Await(4).expected(), "old");
}

TEST_F(RendezvousClientTest, WaitEndsAtItsTimeout) {
  const absl::Status status = client_.Wait({"never"}, absl::Milliseconds(20));
  EXPECT_EQ(status.code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(RendezvousClientTest, LateReplyIsIgnored) {
  ASSERT_FALSE(client_.Wait({"never"}, absl::Milliseconds(1)).ok());
  client_.Deliver(ReplyTo(wire_.Await(0)));
  std::thread server([&] { client_.Deliver(ReplyTo(wire_.Await(1))); });
  EXPECT_TRUE(client_.Wait({"later"}, absl::Seconds(30)).ok());
  server.join();
}

TEST_F(RendezvousClientTest, CloseAbortsWaitersAndLaterCalls) {
  std::thread closer([&] {
    wire_.Await(0);
    client_.Close("regroup");
  });
  const absl::Status status = client_.Wait({"key"}, absl::InfiniteDuration());
  closer.join();
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_NE(status.message().find("regroup"), std::string::npos);
  EXPECT_EQ(client_.Set("a", "b").code(), absl::StatusCode::kAborted);
}

TEST_F(RendezvousClientTest, AbortsWhenTheLineIsDown) {
  wire_.Cut();
  EXPECT_EQ(client_.Get("a", absl::InfiniteDuration()).status().code(),
            absl::StatusCode::kAborted);
}

TEST_F(RendezvousClientTest, ServersErrorIsAborted) {
  std::thread server([&] {
    v1::StoreReply reply = ReplyTo(wire_.Await(0));
    reply.set_error("generation closed");
    client_.Deliver(reply);
  });
  const absl::Status status = client_.Add("n", 1).status();
  server.join();
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(status.message(), "generation closed");
}

TEST_F(RendezvousClientTest, RefusesLargeValues) {
  EXPECT_EQ(client_.Set("k", std::string((64 << 10) + 1, 'x')).code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace keel
