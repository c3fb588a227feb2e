#include "worker/comm/rendezvous_c10d_store.h"

#include <c10/util/Exception.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/testing/memory_rendezvous.h"

namespace keel {
namespace {

using std::chrono::milliseconds;

class RendezvousC10dStoreTest : public ::testing::Test {
 protected:
  testing::MemoryRendezvous memory_;
  RendezvousC10dStore store_{memory_, "g7/", milliseconds(10000)};
};

TEST_F(RendezvousC10dStoreTest, PutsThePrefixBeforeEveryKey) {
  store_.set("a", std::vector<uint8_t>{1, 2});
  EXPECT_EQ(*memory_.Get("g7/a", absl::ZeroDuration()),
            std::string("\x01\x02"));
  EXPECT_TRUE(store_.check({"a"}));
  EXPECT_FALSE(store_.check({"a", "b"}));
}

TEST_F(RendezvousC10dStoreTest, CountsAndDeletes) {
  EXPECT_EQ(store_.add("n", 3), 3);
  EXPECT_EQ(store_.add("n", -1), 2);
  EXPECT_EQ(store_.getNumKeys(), 1);
  EXPECT_TRUE(store_.deleteKey("n"));
  EXPECT_FALSE(store_.deleteKey("n"));
}

TEST_F(RendezvousC10dStoreTest, SetsOnlyWhatHoldsTheExpectedValue) {
  store_.set("a", std::string("one"));
  EXPECT_EQ(store_.compareSet("a", std::string("two"), std::string("three")),
            "one");
  EXPECT_EQ(store_.compareSet("a", std::string("one"), std::string("three")),
            "three");
}

TEST_F(RendezvousC10dStoreTest, GetWaitsForAnotherMember) {
  std::thread other(
      [clone = store_.clone()] { clone->set("late", std::string("v")); });
  EXPECT_EQ(store_.get_to_str("late"), "v");
  other.join();
}

TEST_F(RendezvousC10dStoreTest, ThrowsWhenTheTimeIsOver) {
  EXPECT_THROW(store_.wait({"never"}, milliseconds(1)), c10::Error);
}

TEST_F(RendezvousC10dStoreTest, WaiterThrowsWhenTheStoreIsClosed) {
  std::thread closer([&] { memory_.Close(); });
  EXPECT_THROW(store_.wait({"never"}), c10::Error);
  closer.join();
  EXPECT_THROW(store_.set("a", std::string("b")), c10::Error);
}

}  // namespace
}  // namespace keel
