#include "worker/comm/c10d_communicator.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "tests/testing/directory_rendezvous.h"
#include "tests/testing/member_threads.h"
#include "worker/comm/communicator_factory.h"

namespace keel {
namespace {

using testing::RunGroup;

// Much less than the time after which a collective gives up by itself.
constexpr absl::Duration kPatience = absl::Seconds(30);

TEST(C10dCommunicatorTest, SumsToTheClosedForm) {
  RunGroup(3, [](Communicator& group) {
    at::Tensor tensor = at::full({1000}, group.rank() + 1.0f);
    ASSERT_TRUE(group.AllReduceSum(tensor).ok());
    EXPECT_TRUE(tensor.equal(at::full({1000}, 6.0f)));
  });
}

TEST(C10dCommunicatorTest, SumsIntegersModuloTwoToThe64) {
  RunGroup(2, [](Communicator& group) {
    at::Tensor tensor =
        at::full({1}, std::numeric_limits<int64_t>::max(), at::kLong);
    ASSERT_TRUE(group.AllReduceSum(tensor).ok());
    EXPECT_EQ(tensor.item<int64_t>(), -2);
  });
}

TEST(C10dCommunicatorTest, SumsInTheBackgroundInTheOrderOfTheCalls) {
  RunGroup(3, [](Communicator& group) {
    std::vector<at::Tensor> tensors;
    std::vector<std::unique_ptr<PendingCollective>> pending;
    for (int i = 0; i < 8; ++i) {
      tensors.push_back(at::full({5000 + i}, group.rank() * 10.0f + i));
      pending.push_back(*group.StartAllReduceSum(tensors.back()));
    }
    for (int i = 0; i < 8; ++i) {
      ASSERT_TRUE(pending[i]->Wait().ok());
      EXPECT_TRUE(tensors[i].equal(at::full({5000 + i}, 30.0f + 3 * i)));
    }
  });
}

TEST(C10dCommunicatorTest, GathersUnevenRowsInRankOrder) {
  RunGroup(3, [](Communicator& group) {
    const std::vector<int64_t> rows = {3, 0, 2};
    const at::Tensor all = at::arange(20, at::kFloat).view({5, 4});
    const std::vector<int64_t> begin = {0, 3, 3};
    const at::Tensor mine =
        all.narrow(0, begin[group.rank()], rows[group.rank()]);
    auto gathered = group.AllGatherRows(mine, rows);
    ASSERT_TRUE(gathered.ok()) << gathered.status();
    EXPECT_TRUE(gathered->equal(all));
  });
}

TEST(C10dCommunicatorTest, GathersNothingWhenNobodyHasARow) {
  RunGroup(2, [](Communicator& group) {
    auto gathered = group.AllGatherRows(at::empty({0, 4}), {0, 0});
    ASSERT_TRUE(gathered.ok());
    EXPECT_EQ(gathered->sizes(), at::IntArrayRef({0, 4}));
  });
}

TEST(C10dCommunicatorTest, BroadcastsFromAnyMember) {
  RunGroup(3, [](Communicator& group) {
    at::Tensor tensor = at::full({7}, group.rank(), at::kLong);
    ASSERT_TRUE(group.Broadcast(tensor, 2).ok());
    EXPECT_TRUE(tensor.equal(at::full({7}, 2, at::kLong)));
  });
}

TEST(C10dCommunicatorTest, AbortEndsTheWaitsOfAllMembers) {
  const absl::Time begin = absl::Now();
  RunGroup(2, [](Communicator& group) {
    if (group.rank() == 1) {
      EXPECT_TRUE(absl::IsAborted(group.AllReduceSum(at::ones({1}))));
      return;
    }
    group.Abort();
    EXPECT_TRUE(absl::IsAborted(group.AllReduceSum(at::ones({1}))));
    EXPECT_TRUE(
        absl::IsAborted(group.StartAllReduceSum(at::ones({1})).status()));
    EXPECT_TRUE(absl::IsAborted(group.Broadcast(at::ones({1}), 0)));
  });
  EXPECT_LT(absl::Now() - begin, kPatience);
}

// A group of this process, the last member, and peer processes.
class PeerProcessTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = ::testing::TempDir() + "/peer" + std::to_string(getpid()) +
              ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::create_directory(folder_);
  }

  void Form(int world_size) {
    for (int rank = 0; rank + 1 < world_size; ++rank) {
      peers_.push_back(StartPeer(std::to_string(rank),  //
                                 std::to_string(world_size)));
    }
    testing::DirectoryRendezvous store(folder_);
    GroupOptions options;
    options.rank = world_size - 1;
    options.world_size = world_size;
    options.limits.give_up = [this](absl::Duration waited) {
      waits_ = waited > absl::Milliseconds(300);
      return stop_.load();
    };
    auto group = FormGroup(store, options);
    ASSERT_TRUE(group.ok()) << group.status();
    group_ = *std::move(group);
  }

  pid_t StartPeer(const std::string& rank, const std::string& world_size) {
    const pid_t peer = fork();
    if (peer != 0) return peer;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execl(KEEL_TEST_PEER, KEEL_TEST_PEER, folder_.c_str(), rank.c_str(),
          world_size.c_str(), static_cast<char*>(nullptr));
    _exit(3);
  }

  static void Kill(pid_t& peer) {
    if (peer == 0) return;
    kill(peer, SIGKILL);
    waitpid(peer, nullptr, 0);
    peer = 0;
  }

  void TearDown() override {
    // Before the peers end, whose end would free this member too.
    const absl::Time begin = absl::Now();
    group_.reset();
    EXPECT_LT(absl::Now() - begin, kPatience);
    for (pid_t& peer : peers_) Kill(peer);
    std::filesystem::remove_all(folder_);
  }

  absl::Status Sum() { return group_->AllReduceSum(at::ones({1 << 20})); }

  absl::Status SumUntilBroken() {
    absl::Status status;
    while (status.ok()) status = Sum();
    return status;
  }

  std::string folder_;
  std::vector<pid_t> peers_;
  // This member has waited in a collective for so long that no byte moves.
  std::atomic<bool> waits_{false};
  std::atomic<bool> stop_{false};
  std::unique_ptr<Communicator> group_;
};

TEST_F(PeerProcessTest, AKilledPeerEndsTheGroup) {
  Form(2);
  ASSERT_TRUE(Sum().ok());
  kill(peers_[0], SIGKILL);
  const absl::Time begin = absl::Now();
  EXPECT_TRUE(absl::IsAborted(SumUntilBroken()));
  EXPECT_LT(absl::Now() - begin, kPatience);
}

TEST_F(PeerProcessTest, AStoppedPeerIsNotWaitedForOnceThisMemberGivesUp) {
  Form(2);
  ASSERT_TRUE(Sum().ok());
  kill(peers_[0], SIGSTOP);
  stop_ = true;
  const absl::Time begin = absl::Now();
  EXPECT_TRUE(absl::IsAborted(SumUntilBroken()));
  EXPECT_LT(absl::Now() - begin, kPatience);
}

TEST_F(PeerProcessTest, AbortEndsAWaitForAStoppedPeer) {
  Form(2);
  ASSERT_TRUE(Sum().ok());
  kill(peers_[0], SIGSTOP);
  std::thread killer([this] { group_->Abort(); });
  EXPECT_TRUE(absl::IsAborted(SumUntilBroken()));
  killer.join();
}

TEST_F(PeerProcessTest, AStoppedPeerIsNotWaitedForIfAnotherOneIsGoneToo) {
  Form(3);
  kill(peers_[1], SIGSTOP);
  std::thread killer([this] {
    while (!waits_) std::this_thread::yield();
    // Nothing is under way to or from this one: its end frees nobody.
    Kill(peers_[0]);
    stop_ = true;
  });
  absl::Status status;
  while (status.ok()) {
    status = group_->AllGatherRows(at::ones({1, 1}), {1, 1, 1}).status();
  }
  EXPECT_TRUE(absl::IsAborted(status)) << status;
  killer.join();
  const absl::Time begin = absl::Now();
  group_.reset();
  EXPECT_LT(absl::Now() - begin, absl::Seconds(10));
}

TEST_F(PeerProcessTest, PendingSumsEndTooWhenThePeerIsKilled) {
  Form(2);
  ASSERT_TRUE(Sum().ok());
  std::vector<at::Tensor> tensors(4, at::Tensor());
  std::vector<std::unique_ptr<PendingCollective>> pending;
  kill(peers_[0], SIGSTOP);
  for (at::Tensor& tensor : tensors) {
    tensor = at::ones({1 << 20});
    pending.push_back(*group_->StartAllReduceSum(tensor));
  }
  kill(peers_[0], SIGKILL);
  absl::Status status;
  for (auto& p : pending) status.Update(p->Wait());
  EXPECT_TRUE(absl::IsAborted(status)) << status;
}

}  // namespace
}  // namespace keel
