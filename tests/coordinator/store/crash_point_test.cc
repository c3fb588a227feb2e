#include "coordinator/store/crash_point.h"

#include <signal.h>

#include <set>
#include <string>
#include <vector>

#include "coordinator/store/directory_blob_store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/test_folder.h"

namespace keel {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::KilledBySignal;

class CrashPointTest : public ::testing::Test {
 protected:
  void TearDown() override {
    SetCrashPointObserver(nullptr);
    EXPECT_TRUE(ArmCrashPoint("").ok());
  }
};

TEST_F(CrashPointTest, NamesAreUnique) {
  const std::set<std::string> names(CrashPointNames().begin(),
                                    CrashPointNames().end());
  EXPECT_EQ(names.size(), CrashPointNames().size());
  EXPECT_TRUE(names.contains("publish:before"));
  EXPECT_TRUE(names.contains("blob:synced"));
}

TEST_F(CrashPointTest, RefusesUnknownNamesAndTellsTheKnownOnes) {
  for (const char* spec : {"publish", "publish:before@0", "publish:before@x",
                           "publish:before@1@2", "@1"}) {
    const absl::Status status = ArmCrashPoint(spec);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << spec;
    EXPECT_THAT(std::string(status.message()), HasSubstr("publish:after"));
  }
}

TEST_F(CrashPointTest, KillsTheProcessTheNthTime) {
  const auto reach_thrice = [] {
    for (int i = 0; i < 3; ++i) ReachCommit(durable::kPublish, "after");
  };
  ASSERT_TRUE(ArmCrashPoint("publish:after@3").ok());
  EXPECT_EXIT(reach_thrice(), KilledBySignal(SIGKILL), "publish:after");
  ASSERT_TRUE(ArmCrashPoint("publish:after@4").ok());
  reach_thrice();
}

TEST_F(CrashPointTest, ABlobPassesItsPlacesInOrder) {
  const TestFolder folder;
  const auto store = DirectoryBlobStore::Open({folder.path()}).value();
  std::vector<std::string> reached;
  SetCrashPointObserver(
      [&reached](std::string_view name) { reached.emplace_back(name); });
  ASSERT_TRUE(store->Put("bytes").ok());
  EXPECT_THAT(reached,
              ElementsAre("blob:written", "blob:synced", "blob:stored"));
}

}  // namespace
}  // namespace keel
