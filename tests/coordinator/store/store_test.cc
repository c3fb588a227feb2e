// What every Store does: run on the real one and on the tests' fake.
#include "coordinator/store/store.h"

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "common/file_system.h"
#include "common/ids.h"
#include "coordinator/store/sqlite_store.h"
#include "coordinator/store/table_names.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/memory_store.h"

namespace keel {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

struct StoreKind {
  const char* name;
  std::function<std::unique_ptr<Store>(const std::string& folder)> make;
};

class StoreTest : public ::testing::TestWithParam<StoreKind> {
 protected:
  void SetUp() override {
    ASSERT_TRUE(CreateDirectories(folder_).ok());
    store_ = GetParam().make(folder_);
    ASSERT_NE(store_, nullptr);
  }
  void TearDown() override {
    store_.reset();
    EXPECT_TRUE(RemoveRecursively(folder_).ok());
  }
  void Put(std::string_view key, std::string value) {
    WriteBatch batch;
    batch.Put(table::kPhases, key, std::move(value));
    ASSERT_TRUE(store_->Commit(batch).ok());
  }
  std::vector<std::string> KeysOf(std::string_view prefix,
                                  std::string_view after = "", int limit = 0) {
    const auto pairs = store_->Scan(table::kPhases, prefix, after, limit);
    EXPECT_TRUE(pairs.ok()) << pairs.status();
    std::vector<std::string> keys;
    for (const auto& [key, value] : *pairs) keys.push_back(key);
    return keys;
  }

  const std::string folder_ = ::testing::TempDir() + "store-" + RandomId();
  std::unique_ptr<Store> store_;
};

TEST_P(StoreTest, ReadsWhatWasCommitted) {
  const std::string bytes("\0\xff binary \n", 12);
  Put("a", bytes);
  Put("empty", "");
  EXPECT_EQ(*store_->Get(table::kPhases, "a"), bytes);
  EXPECT_EQ(*store_->Get(table::kPhases, "empty"), "");
  EXPECT_TRUE(absl::IsNotFound(store_->Get(table::kPhases, "b").status()));
  EXPECT_TRUE(absl::IsNotFound(store_->Get(table::kTasks, "a").status()));
}

TEST_P(StoreTest, AppliesChangesInOrder) {
  WriteBatch batch;
  batch.Put(table::kPhases, "a", "1");
  batch.Put(table::kPhases, "a", "2");
  batch.Put(table::kTasks, "t", "3");
  batch.Put(table::kPhases, "gone", "4");
  batch.Erase(table::kPhases, "gone");
  batch.Erase(table::kPhases, "never there");
  ASSERT_TRUE(store_->Commit(batch).ok());
  EXPECT_THAT(*store_->Scan(table::kPhases, ""), ElementsAre(Pair("a", "2")));
  EXPECT_THAT(*store_->Scan(table::kTasks, ""), ElementsAre(Pair("t", "3")));
}

TEST_P(StoreTest, ScansPrefixInOrderOfBytes) {
  for (const char* key : {"b/2", "a", "b/10", "b", "c", "b/", "b0"}) {
    Put(key, "");
  }
  EXPECT_THAT(KeysOf("b/"), ElementsAre("b/", "b/10", "b/2"));
  EXPECT_THAT(KeysOf(""),
              ElementsAre("a", "b", "b/", "b/10", "b/2", "b0", "c"));
  EXPECT_THAT(KeysOf("nothing"), IsEmpty());
}

TEST_P(StoreTest, ScansPrefixThatEndsInTheLastByte) {
  for (const char* key : {"a\xff", "a\xff\xff", "a\xff z", "b", "\xff\xff!"}) {
    Put(key, "");
  }
  EXPECT_THAT(KeysOf("a\xff"), ElementsAre("a\xff", "a\xff z", "a\xff\xff"));
  EXPECT_THAT(KeysOf("\xff\xff"), ElementsAre("\xff\xff!"));
}

TEST_P(StoreTest, ScansInPages) {
  for (const char* key : {"p/1", "p/2", "p/3", "q/1"}) Put(key, "");
  EXPECT_THAT(KeysOf("p/", "", 2), ElementsAre("p/1", "p/2"));
  EXPECT_THAT(KeysOf("p/", "p/2", 2), ElementsAre("p/3"));
  EXPECT_THAT(KeysOf("p/", "p/3", 2), IsEmpty());
  EXPECT_THAT(KeysOf("p/", "a", 0), ElementsAre("p/1", "p/2", "p/3"));
  EXPECT_THAT(KeysOf("p/", "z", 0), IsEmpty());
}

TEST_P(StoreTest, ChangesNothingWhenATableIsUnknown) {
  WriteBatch batch;
  batch.Put(table::kPhases, "a", "1");
  batch.Put("nonsense", "a", "1");
  EXPECT_EQ(store_->Commit(batch).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(KeysOf(""), IsEmpty());
  EXPECT_EQ(store_->Get("nonsense", "a").status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(store_->Scan("nonsense", "").status().code(),
            absl::StatusCode::kInvalidArgument);
  Put("b", "the store goes on");
}

// Readers see a batch whole or not at all.
TEST_P(StoreTest, ServesReadersWhileItCommits) {
  constexpr int kCommits = 50;
  Put("a", "0");
  Put("b", "0");
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    for (int i = 1; i <= kCommits && !stop; ++i) {
      WriteBatch batch;
      batch.Put(table::kPhases, "a", std::to_string(i));
      batch.Put(table::kPhases, "b", std::to_string(i));
      ASSERT_TRUE(store_->Commit(batch).ok());
    }
  });
  const absl::Cleanup join = [&] {
    stop = true;
    writer.join();
  };
  std::string last;
  while (last != std::to_string(kCommits)) {
    const auto pairs = store_->Scan(table::kPhases, "");
    ASSERT_TRUE(pairs.ok()) << pairs.status();
    ASSERT_EQ(pairs->size(), 2u);
    EXPECT_EQ((*pairs)[0].second, (*pairs)[1].second);
    last = (*pairs)[0].second;
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, StoreTest,
    ::testing::Values(
        StoreKind{"Sqlite",
                  [](const std::string& folder) {
                    return SqliteStore::Open(folder + "/keel.db").value();
                  }},
        StoreKind{"Memory",
                  [](const std::string&) {
                    return std::make_unique<testing::MemoryStore>();
                  }}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace keel
