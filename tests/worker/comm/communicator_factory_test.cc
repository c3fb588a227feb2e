#include "worker/comm/communicator_factory.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/testing/memory_rendezvous.h"

namespace keel {
namespace {

GroupOptions Member(int rank, int world_size) {
  GroupOptions options;
  options.generation = 3;
  options.rank = rank;
  options.world_size = world_size;
  return options;
}

TEST(CommunicatorFactoryTest, GroupOfOneNeedsNoStore) {
  testing::MemoryRendezvous store;
  store.Close();
  auto group = FormGroup(store, Member(0, 1));
  ASSERT_TRUE(group.ok());
  EXPECT_EQ((*group)->world_size(), 1);
}

TEST(CommunicatorFactoryTest, AbortsWhenAMemberDoesNotCome) {
  testing::MemoryRendezvous store;
  GroupOptions options = Member(0, 2);
  options.gather_timeout = absl::Milliseconds(1);
  EXPECT_TRUE(absl::IsAborted(FormGroup(store, options).status()));
}

// How long a member may be away is the coordinator's to say.
TEST(CommunicatorFactoryTest, WaitsLongerThanAnyStallThatItIsToldOf) {
  const GroupOptions options;
  EXPECT_GE(options.limits.patience, absl::Hours(24));
  EXPECT_GE(options.gather_timeout, absl::Hours(24));
}

TEST(CommunicatorFactoryTest, AbortsWhenTheStoreIsClosedMeanwhile) {
  testing::MemoryRendezvous store;
  std::thread closer([&] {
    // The member has said that it is there, and waits for the other.
    ASSERT_TRUE(store.Wait({"g3/here/0"}, absl::InfiniteDuration()).ok());
    store.Close();
  });
  EXPECT_TRUE(absl::IsAborted(FormGroup(store, Member(0, 2)).status()));
  closer.join();
}

TEST(CommunicatorFactoryTest, FormsAgainUnderTheNextGeneration) {
  testing::MemoryRendezvous store;
  for (int generation = 1; generation <= 2; ++generation) {
    std::vector<std::thread> members;
    for (int rank = 0; rank < 2; ++rank) {
      members.emplace_back([&, rank] {
        GroupOptions options = Member(rank, 2);
        options.generation = generation;
        auto group = FormGroup(store, options);
        ASSERT_TRUE(group.ok()) << group.status();
        EXPECT_EQ((*group)->rank(), rank);
      });
    }
    for (std::thread& member : members) member.join();
  }
}

}  // namespace
}  // namespace keel
