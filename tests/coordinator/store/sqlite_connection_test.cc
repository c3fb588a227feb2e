#include "coordinator/store/sqlite_connection.h"

#include <string>

#include "common/file_system.h"
#include "common/ids.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace keel {
namespace {

using ::testing::HasSubstr;

class SqliteConnectionTest : public ::testing::Test {
 protected:
  void TearDown() override {
    for (const char* suffix : {"", "-wal", "-shm", "-journal"}) {
      EXPECT_TRUE(RemoveFile(path_ + suffix).ok());
    }
  }
  std::unique_ptr<SqliteConnection> Open() {
    return SqliteConnection::Open(path_, absl::ZeroDuration()).value();
  }
  const std::string path_ = ::testing::TempDir() + "sqlite-" + RandomId();
};

TEST_F(SqliteConnectionTest, RunsPreparedStatementsAgainAndAgain) {
  const auto connection = Open();
  ASSERT_TRUE(connection->Execute("CREATE TABLE t (n INTEGER, b BLOB)").ok());
  const std::string bytes("\0x", 2);
  for (int i = 0; i < 3; ++i) {
    const auto run = connection->Start("INSERT INTO t VALUES (?1, ?2)");
    ASSERT_TRUE(run.ok()) << run.status();
    (*run)->BindInteger(1, i);
    (*run)->BindBytes(2, bytes);
    EXPECT_FALSE((*run)->Next().value());
  }
  EXPECT_EQ(*connection->QueryInteger("SELECT sum(n) FROM t"), 3);
  EXPECT_EQ(*connection->QueryText("SELECT b FROM t WHERE n=2"), bytes);
}

TEST_F(SqliteConnectionTest, NamesFileAndStatementInErrors) {
  const auto connection = Open();
  const absl::Status status = connection->Execute("NONSENSE");
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(status.message()), HasSubstr(path_));
  EXPECT_THAT(std::string(status.message()), HasSubstr("NONSENSE"));
  EXPECT_EQ(connection->QueryInteger("SELECT 1 WHERE 0").status().code(),
            absl::StatusCode::kInternal);
}

TEST_F(SqliteConnectionTest, RollsBackOnlyWhatIsOpen) {
  const auto connection = Open();
  ASSERT_TRUE(connection->Execute("CREATE TABLE t (n)").ok());
  EXPECT_TRUE(connection->Rollback().ok());
  ASSERT_TRUE(connection->Execute("BEGIN; INSERT INTO t VALUES (1)").ok());
  EXPECT_TRUE(connection->Rollback().ok());
  EXPECT_EQ(*connection->QueryInteger("SELECT count(*) FROM t"), 0);
}

TEST_F(SqliteConnectionTest, IsUnavailableWhileAnotherHoldsTheLock) {
  const auto holder = Open();
  ASSERT_TRUE(holder->Execute("BEGIN EXCLUSIVE").ok());
  EXPECT_EQ(Open()->Execute("BEGIN IMMEDIATE").code(),
            absl::StatusCode::kUnavailable);
}

TEST_F(SqliteConnectionTest, DoesNotFindAFileInAMissingFolder) {
  EXPECT_EQ(SqliteConnection::Open(path_ + "/none/x", absl::ZeroDuration())
                .status()
                .code(),
            absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace keel
