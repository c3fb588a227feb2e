#include "coordinator/store/sqlite_store.h"

#include <algorithm>
#include <memory>
#include <string>

#include "common/file_system.h"
#include "common/ids.h"
#include "coordinator/store/table_names.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keel {
namespace {

using ::testing::HasSubstr;

class SqliteStoreTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(CreateDirectories(folder_).ok()); }
  void TearDown() override {
    store_.reset();
    EXPECT_TRUE(RemoveRecursively(folder_).ok());
  }
  absl::Status Open(SqliteStore::Options options = {}) {
    store_.reset();
    options.path = path_;
    auto store = SqliteStore::Open(options);
    if (!store.ok()) return store.status();
    store_ = *std::move(store);
    return absl::OkStatus();
  }
  absl::Status Put(std::string_view key, std::string value) {
    WriteBatch batch;
    batch.Put(table::kChunks, key, std::move(value));
    return store_->Commit(batch);
  }
  // Runs SQL on the file, past the store, which is closed for it.
  void Tamper(const std::string& sql) {
    store_.reset();
    const auto connection =
        SqliteConnection::Open(path_, absl::ZeroDuration()).value();
    ASSERT_TRUE(connection->Execute(sql).ok());
  }

  const std::string folder_ = ::testing::TempDir() + "sqlite-" + RandomId();
  const std::string path_ = folder_ + "/keel.db";
  std::unique_ptr<Store> store_;
};

TEST_F(SqliteStoreTest, FindsEverythingAgainAfterReopening) {
  ASSERT_TRUE(Open().ok());
  ASSERT_TRUE(Put("a", "1").ok());
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(*store_->Get(table::kChunks, "a"), "1");
}

TEST_F(SqliteStoreTest, RefusesDatabaseOfAnotherProgram) {
  Tamper("CREATE TABLE t (n)");
  const absl::Status status = Open();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("another program"));
}

TEST_F(SqliteStoreTest, RefusesNewerSchema) {
  ASSERT_TRUE(Open().ok());
  Tamper("PRAGMA user_version=2");
  const absl::Status status = Open();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("schema 2"));
}

TEST_F(SqliteStoreTest, NamesFileThatIsNoDatabase) {
  ASSERT_TRUE(WriteFileAtomically(path_, std::string(8192, 'x')).ok());
  const absl::Status status = Open();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr(path_));
}

TEST_F(SqliteStoreTest, NoticesDamagedPages) {
  ASSERT_TRUE(Open().ok());
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(Put("key" + std::to_string(i), std::string(1000, 'v')).ok());
  }
  store_.reset();
  std::string file = ReadFile(path_).value();
  ASSERT_GT(file.size(), 200'000u);
  // Every page but the first: the schema is still there.
  std::fill(file.begin() + 4096, file.end(), '\x5a');
  ASSERT_TRUE(WriteFileAtomically(path_, file).ok());
  absl::Status status = Open();
  if (status.ok()) status = store_->Scan(table::kChunks, "").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr(path_));
}

// SQLite itself would return the wrong byte without a word.
TEST_F(SqliteStoreTest, NoticesASingleFlippedBitOfAValue) {
  ASSERT_TRUE(Open().ok());
  ASSERT_TRUE(Put("a", "this value stands out").ok());
  store_.reset();
  std::string file = ReadFile(path_).value();
  const size_t at = file.find("stands out");
  ASSERT_NE(at, std::string::npos);
  file[at] ^= 4;
  ASSERT_TRUE(WriteFileAtomically(path_, file).ok());
  ASSERT_TRUE(Open().ok());
  for (const absl::Status& status :
       {store_->Get(table::kChunks, "a").status(),
        store_->Scan(table::kChunks, "").status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(std::string(status.message()), HasSubstr("\"a\""));
  }
}

TEST_F(SqliteStoreTest, ChangesNothingWhenFullAndGoesOnWhenThereIsRoom) {
  ASSERT_TRUE(Open({.max_bytes = 256 << 10}).ok());
  ASSERT_TRUE(Put("a", "1").ok());
  const absl::Status full = Put("large", std::string(1 << 20, 'x'));
  EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(full.message()), HasSubstr(path_));
  EXPECT_TRUE(absl::IsNotFound(store_->Get(table::kChunks, "large").status()));
  EXPECT_TRUE(Put("b", "2").ok());
  ASSERT_TRUE(Open().ok());
  EXPECT_EQ(store_->Scan(table::kChunks, "")->size(), 2u);
  EXPECT_TRUE(Put("large", std::string(1 << 20, 'x')).ok());
}

TEST_F(SqliteStoreTest, IsUnavailableWhileAnotherProcessWrites) {
  ASSERT_TRUE(Open({.busy_timeout = absl::Milliseconds(20)}).ok());
  const auto other =
      SqliteConnection::Open(path_, absl::ZeroDuration()).value();
  ASSERT_TRUE(other->Execute("BEGIN IMMEDIATE").ok());
  EXPECT_EQ(Put("a", "1").code(), absl::StatusCode::kUnavailable);
  ASSERT_TRUE(other->Rollback().ok());
  EXPECT_TRUE(Put("a", "1").ok());
}

TEST_F(SqliteStoreTest, MakesTablesThatAnOlderProgramDidNotHave) {
  ASSERT_TRUE(Open().ok());
  Tamper("DROP TABLE uploads");
  ASSERT_TRUE(Open().ok());
  EXPECT_TRUE(store_->Scan(table::kUploads, "")->empty());
}

}  // namespace
}  // namespace keel
